//! Accepts connections until told to go away, and again when told to come back.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, mpsc as reply},
    time::{Duration, Instant},
};

use hyper::service::service_fn;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    sync::mpsc,
    task::JoinSet,
};

use super::{Shared, receive::receive};

const WINDOW: u32 = 1 << 20;
const BACKLOG: u32 = 128;

#[derive(Debug)]
pub(super) enum Command {
    Leave(reply::Sender<io::Result<()>>),
    ComeBack(reply::Sender<io::Result<()>>),
}

/// Listening, or holding the port so that nobody else gets it: a socket that does not listen refuses connections.
enum Port {
    Open(TcpListener),
    Closed(TcpSocket),
}

/// Until the sender of commands is dropped.
pub(super) async fn serve(
    listener: TcpListener,
    address: SocketAddr,
    shared: Arc<Shared>,
    mut commands: mpsc::UnboundedReceiver<Command>,
) {
    let mut port = Some(Port::Open(listener));
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Ok((stream, _)) = accept(port.as_ref()) => {
                connections.spawn(connection(stream, Arc::clone(&shared)));
            }
            Some(_) = connections.join_next() => {}
            command = commands.recv() => match command {
                None => return,
                Some(Command::Leave(done)) => {
                    connections.shutdown().await;
                    // The old one is closed before the address is bound again.
                    port = None;
                    let held = again(|| hold(address)).await;
                    let _ = done.send(held.map(|socket| port = Some(Port::Closed(socket))));
                }
                Some(Command::ComeBack(done)) => {
                    let opened = open(port.take(), address).map(|listener| port = Some(Port::Open(listener)));
                    let _ = done.send(opened);
                }
            }
        }
    }
}

async fn accept(port: Option<&Port>) -> io::Result<(TcpStream, SocketAddr)> {
    match port {
        Some(Port::Open(listener)) => listener.accept().await,
        _ => std::future::pending().await,
    }
}

/// A process that is being started has a copy of the old socket until it runs its own program.
async fn again(mut bind: impl FnMut() -> io::Result<TcpSocket>) -> io::Result<TcpSocket> {
    const PATIENCE: Duration = Duration::from_secs(5);
    let end = Instant::now() + PATIENCE;
    loop {
        match bind() {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && Instant::now() < end => {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            bound => return bound,
        }
    }
}

fn hold(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    // Connections that were closed from this side still have the port for a minute.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

fn open(port: Option<Port>, address: SocketAddr) -> io::Result<TcpListener> {
    match port {
        Some(Port::Open(listener)) => Ok(listener),
        Some(Port::Closed(socket)) => socket.listen(BACKLOG),
        None => hold(address)?.listen(BACKLOG),
    }
}

/// An error ends the connection; the sender learns of it that way.
async fn connection(stream: TcpStream, shared: Arc<Shared>) {
    let _ = stream.set_nodelay(true);
    let mut server = auto::Builder::new(TokioExecutor::new());
    server
        .http2()
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(4 * WINDOW);
    let service = service_fn(move |request| {
        let shared = Arc::clone(&shared);
        async move { receive(&shared, request).await }
    });
    let _ = server.serve_connection(TokioIo::new(stream), service).await;
}
