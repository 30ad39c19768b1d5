//! The style sheet, the script and the icon, compiled in. Their paths carry a digest of their content, so a browser may keep
//! them for ever. Sheet and script are written as one file for each part of the page and served as one.

use std::sync::LazyLock;

use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use sha2::{Digest, Sha256};

/// A file of `lens/assets/`.
pub(super) struct Asset {
    /// Where it is served.
    pub(super) path: String,
    content_type: &'static str,
    content: &'static str,
}

pub(super) static STYLE: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new(
        "css",
        "text/css; charset=utf-8",
        concat!(
            include_str!("../../assets/css/tokens.css"),
            include_str!("../../assets/css/base.css"),
            include_str!("../../assets/css/frame.css"),
            include_str!("../../assets/css/charts.css"),
            include_str!("../../assets/css/overview.css"),
            include_str!("../../assets/css/machines.css"),
            include_str!("../../assets/css/traces.css"),
            include_str!("../../assets/css/logs.css"),
            include_str!("../../assets/css/metrics.css"),
            include_str!("../../assets/css/pipeline.css"),
        ),
    )
});
pub(super) static SCRIPT: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new(
        "js",
        "text/javascript; charset=utf-8",
        concat!(
            include_str!("../../assets/js/frame.js"),
            include_str!("../../assets/js/live.js"),
            include_str!("../../assets/js/charts.js"),
            include_str!("../../assets/js/traces.js"),
            include_str!("../../assets/js/logs.js"),
        ),
    )
});
pub(super) static ICON: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new(
        "svg",
        "image/svg+xml",
        include_str!("../../assets/lens.svg"),
    )
});

impl Asset {
    fn new(extension: &str, content_type: &'static str, content: &'static str) -> Self {
        let digest: String = Sha256::digest(content)
            .iter()
            .take(8)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Self {
            path: format!("/assets/lens-{digest}.{extension}"),
            content_type,
            content,
        }
    }

    fn answer(&self) -> Response {
        let headers = [
            (CONTENT_TYPE, self.content_type),
            (CACHE_CONTROL, "public, max-age=31536000, immutable"),
        ];
        (headers, self.content).into_response()
    }
}

/// The routes of the files.
pub(super) fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let files: [&'static LazyLock<Asset>; 3] = [&STYLE, &SCRIPT, &ICON];
    files.into_iter().fold(Router::new(), |router, file| {
        router.route(&file.path, get(async || file.answer()))
    })
}
