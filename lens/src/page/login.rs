//! The form that asks for the token, in place of any page while the browser has not the cookie. It is sent to `/login`, which
//! sets the cookie and goes on to the page that was asked for.

use axum::Form;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Redirect, Response};
use http::{HeaderValue, StatusCode, header};
use maud::html;
use serde::Deserialize;

use super::{layout, with_headers};
use crate::access::Access;
use crate::api::ApiError;

/// Where the form is sent.
pub(super) const PATH: &str = "/login";

/// What the form sends.
#[derive(Deserialize)]
pub(super) struct Answer {
    token: String,
    next: String,
}

/// Lets pass who may, and asks all others: a browser by the form, a program of the API by JSON. Style, script and icon are for
/// everyone.
pub(super) async fn guard(State(access): State<Access>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    if access.lets_in(request.headers()) || path.starts_with("/assets/") || path == PATH {
        return next.run(request).await;
    }
    if path.starts_with("/api/") {
        return ApiError::Unauthorized.into_response();
    }
    let asked = request.uri().path_and_query();
    form(asked.map_or("/", |asked| asked.as_str()), false).await
}

/// `GET /login`: who is let in, or opened the address by hand.
pub(super) async fn overview() -> Redirect {
    Redirect::to("/")
}

/// `POST /login`
pub(super) async fn log_in(State(access): State<Access>, Form(answer): Form<Answer>) -> Response {
    if !access.knows(answer.token.trim()) {
        return form(&answer.next, true).await;
    }
    let mut response = (
        StatusCode::SEE_OTHER,
        [(header::LOCATION, own_page(&answer.next))],
    )
        .into_response();
    if let Ok(cookie) = HeaderValue::try_from(access.cookie()) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

/// The page that was asked for, when it is one of lens.
fn own_page(next: &str) -> &str {
    let is_own = next.starts_with('/') && !next[1..].starts_with(['/', '\\']);
    let is_header = next.bytes().all(|byte| byte.is_ascii_graphic());
    if is_own && is_header { next } else { "/" }
}

async fn form(next: &str, is_wrong: bool) -> Response {
    let content = html! {
        section.empty.login {
            h1 { "lens asks for its token" }
            form.filters method="post" action=(PATH) {
                input type="hidden" name="next" value=(next);
                // For password managers, which keep nothing without a name.
                input type="text" name="name" value="lens" autocomplete="username" hidden;
                label { "Token"
                    input type="password" name="token" required autofocus autocomplete="current-password" spellcheck="false"
                        aria-describedby="token-note" aria-invalid=[is_wrong.then_some("true")];
                }
                button { "Open" }
            }
            @if is_wrong { p.failed role="alert" { "That is not the token." } }
            p #token-note .note {
                "It is in the file that " code { "LENS_TOKEN_FILE" } " names; of Docker Compose, "
                code { "compose/secrets/lens/token" } "."
            }
        }
    };
    let page = layout::alone("Token", &content);
    with_headers((StatusCode::UNAUTHORIZED, page).into_response()).await
}

#[cfg(test)]
mod tests {
    use super::own_page;

    #[test]
    fn after_the_form_comes_a_page_of_lens_and_no_other() {
        assert_eq!(
            own_page("/traces?since=1h&q=%22x"),
            "/traces?since=1h&q=%22x"
        );
        for elsewhere in [
            "",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "/a\r\nX: y",
        ] {
            assert_eq!(own_page(elsewhere), "/", "{elsewhere:?}");
        }
    }
}
