//! The routes: which path is which, and the methods each answers.
//!
//! A path is known with and without one slash at its end. The template of a route is the `http.route` of its spans and
//! metrics; a path that is no route has none, so strangers can't grow the number of series.

use http::Method;

/// What the service answers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route {
    /// `GET /`: name, version and health.
    Index,
    /// `GET /livez`: the process runs.
    Livez,
    /// `GET /readyz`: the service takes traffic.
    Readyz,
    /// `GET /docs/`: a page that shows and tries the API.
    Docs,
    /// `GET /docs/{file}`: what the page is made of.
    DocsFile,
    /// `GET /openapi.json`: the API as a document.
    OpenApi,
    /// `POST /signup/`: makes an account.
    Signup,
    /// `POST /login/`: gives an access token.
    Login,
    /// `POST /refresh/`: new tokens for a refresh token.
    Refresh,
    /// `POST /logout/`: ends what a login began.
    Logout,
    /// `GET /users/me/`: the account of the token.
    Me,
}

impl Route {
    /// Each of them.
    pub(crate) const ALL: [Self; 11] = [
        Self::Index,
        Self::Livez,
        Self::Readyz,
        Self::Docs,
        Self::DocsFile,
        Self::OpenApi,
        Self::Signup,
        Self::Login,
        Self::Refresh,
        Self::Logout,
        Self::Me,
    ];

    /// The route of a path.
    pub(crate) fn of(path: &str) -> Option<Self> {
        match path.strip_suffix('/').unwrap_or(path) {
            "" => Some(Self::Index),
            "/livez" => Some(Self::Livez),
            "/readyz" => Some(Self::Readyz),
            "/docs" => Some(Self::Docs),
            "/openapi.json" => Some(Self::OpenApi),
            "/signup" => Some(Self::Signup),
            "/login" => Some(Self::Login),
            "/refresh" => Some(Self::Refresh),
            "/logout" => Some(Self::Logout),
            "/users/me" => Some(Self::Me),
            other => other
                .strip_prefix("/docs/")
                .is_some_and(|file| !file.is_empty() && !file.contains('/'))
                .then_some(Self::DocsFile),
        }
    }

    /// The template, as `http.route` has it.
    pub(crate) fn template(self) -> &'static str {
        match self {
            Self::Index => "/",
            Self::Livez => "/livez",
            Self::Readyz => "/readyz",
            Self::Docs => "/docs/",
            Self::DocsFile => "/docs/{file}",
            Self::OpenApi => "/openapi.json",
            Self::Signup => "/signup/",
            Self::Login => "/login/",
            Self::Refresh => "/refresh/",
            Self::Logout => "/logout/",
            Self::Me => "/users/me/",
        }
    }

    /// The methods, as the `Allow` header lists them.
    pub(crate) fn allow(self) -> &'static str {
        match self {
            Self::Index
            | Self::Livez
            | Self::Readyz
            | Self::Docs
            | Self::DocsFile
            | Self::OpenApi
            | Self::Me => "GET, HEAD",
            Self::Signup | Self::Login | Self::Refresh | Self::Logout => "POST",
        }
    }

    /// Whether the route answers the method. HEAD is a GET whose body the server leaves out.
    pub(crate) fn answers(self, method: &Method) -> bool {
        self.allow()
            .split(", ")
            .any(|allowed| allowed == method.as_str())
    }

    /// Whether an orchestrator asks here if the process is well: such a request must not queue behind the others.
    pub(crate) fn is_probe(self) -> bool {
        matches!(self, Self::Livez | Self::Readyz)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_template_is_a_path_of_its_route_with_and_without_the_slash() {
        for route in Route::ALL {
            assert_eq!(Route::of(route.template()), Some(route));
            assert_eq!(
                Route::of(route.template().trim_end_matches('/')),
                Some(route)
            );
        }
    }

    #[test]
    fn other_paths_have_no_route() {
        for path in [
            "//",
            "/login//",
            "/Login",
            "/login/x",
            "/users/",
            "*",
            "/docs/a/b",
        ] {
            assert_eq!(Route::of(path), None, "{path}");
        }
    }
}
