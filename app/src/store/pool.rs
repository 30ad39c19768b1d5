//! A pool of connections that is seen: `db.client.connection.count` (by `state`: idle, used), `.max`, `.pending_requests`,
//! `.wait_time` with exemplars, and `.timeouts`, each by `db.client.connection.pool.name`.
//!
//! <https://opentelemetry.io/docs/specs/semconv/database/database-metrics/#connection-pools>

use std::{ops::DerefMut, time::Instant};

use opentelemetry::{KeyValue, global, metrics::UpDownCounter};
use sqlx::{Database, pool::PoolConnection};
use trivium_telemetry::metrics::{Counter, DURATION_BOUNDARIES, Histogram, meter};

const SCOPE: &str = "trivium-app";

/// Connections to one database, for one purpose.
pub(super) struct Pool<DB: Database> {
    name: &'static str,
    inner: sqlx::Pool<DB>,
    attributes: [KeyValue; 1],
    pending: UpDownCounter<i64>,
    wait_time: Histogram,
    timeouts: Counter,
}

impl<DB: Database> Pool<DB> {
    /// Pools of one database must be [observed](observe) once, together.
    pub(super) fn new(name: &'static str, inner: sqlx::Pool<DB>) -> Self {
        let meter = meter(SCOPE);
        Self {
            name,
            inner,
            attributes: [pool_name(name)],
            pending: global::meter(SCOPE)
                .i64_up_down_counter("db.client.connection.pending_requests")
                .with_unit("{request}")
                .with_description("Requests that wait for a connection.")
                .build(),
            wait_time: meter
                .f64_histogram("db.client.connection.wait_time")
                .with_unit("s")
                .with_description("Time it took to obtain a connection from the pool.")
                .with_boundaries(DURATION_BOUNDARIES.to_vec())
                .build(),
            timeouts: meter
                .u64_counter("db.client.connection.timeouts")
                .with_unit("{timeout}")
                .with_description("Requests that got no connection in time.")
                .build(),
        }
    }

    /// A connection, as soon as there is one.
    ///
    /// # Errors
    /// [`sqlx::Error::PoolTimedOut`], or why a new one can't be made.
    pub(super) async fn acquire(
        &self,
    ) -> Result<impl DerefMut<Target = DB::Connection> + use<DB>, sqlx::Error> {
        let _pending = Pending::new(self);
        let start = Instant::now();
        let result: Result<PoolConnection<DB>, _> = self.inner.acquire().await;
        match &result {
            Ok(_) => {
                let elapsed = start.elapsed().as_secs_f64();
                self.wait_time.record(elapsed, &self.attributes);
            }
            Err(sqlx::Error::PoolTimedOut) => self.timeouts.add(1, &self.attributes),
            Err(_) => {}
        }
        result
    }

    /// Waits for running operations and closes all connections.
    pub(super) async fn close(&self) {
        self.inner.close().await;
    }
}

/// Registers what is read at each collection, for the life of the process.
pub(super) fn observe<DB: Database>(pools: &[&Pool<DB>]) {
    let meter = global::meter(SCOPE);
    let handles = || -> Vec<_> {
        let pools = pools.iter();
        pools.map(|pool| (pool.name, pool.inner.clone())).collect()
    };
    let pools = handles();
    meter
        .i64_observable_up_down_counter("db.client.connection.count")
        .with_unit("{connection}")
        .with_description("Open connections, by state: idle or used.")
        .with_callback(move |observer| {
            for (name, pool) in &pools {
                let idle = i64::try_from(pool.num_idle()).unwrap_or(i64::MAX);
                // The two are not read at one time.
                let used = i64::from(pool.size()).saturating_sub(idle).max(0);
                for (state, count) in [("idle", idle), ("used", used)] {
                    let state = KeyValue::new("db.client.connection.state", state);
                    observer.observe(count, &[pool_name(name), state]);
                }
            }
        })
        .build();
    let pools = handles();
    meter
        .i64_observable_up_down_counter("db.client.connection.max")
        .with_unit("{connection}")
        .with_description("The most connections that may be open.")
        .with_callback(move |observer| {
            for (name, pool) in &pools {
                let max = pool.options().get_max_connections();
                observer.observe(i64::from(max), &[pool_name(name)]);
            }
        })
        .build();
}

fn pool_name(name: &'static str) -> KeyValue {
    KeyValue::new("db.client.connection.pool.name", name)
}

/// One request that waits, until it is dropped.
struct Pending<'a> {
    counter: &'a UpDownCounter<i64>,
    attributes: &'a [KeyValue],
}

impl<'a> Pending<'a> {
    fn new<DB: Database>(pool: &'a Pool<DB>) -> Self {
        pool.pending.add(1, &pool.attributes);
        Self {
            counter: &pool.pending,
            attributes: &pool.attributes,
        }
    }
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        self.counter.add(-1, self.attributes);
    }
}
