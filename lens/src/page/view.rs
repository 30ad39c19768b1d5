//! What every page takes from its address: the range, whether it refreshes itself, and the links that keep both.

use http::Uri;

use super::address::Address;
use crate::api::{ApiError, Params};
use crate::query::time::{self, Range};

/// The range of an address that names none.
const USUAL_RANGE: &str = "15m";
/// Shown before and after the moment that `at` marks.
const AROUND_NS: (i64, i64) = (10 * 60 * 1_000_000_000, 5 * 60 * 1_000_000_000);
/// Parameters that all pages share.
pub(super) const SHARED: [&str; 3] = ["since", "until", "live"];

/// The state of a page.
#[derive(Debug, Clone)]
pub(super) struct View {
    /// The address of this page with all its parameters.
    pub(super) address: Address,
    /// All parameters.
    pub(super) params: Params,
    /// What is shown.
    pub(super) range: Range,
    /// When the page was asked for.
    pub(super) now_ns: i64,
}

impl View {
    /// Reads the shared parameters; `own` are the further ones that the page knows.
    pub(super) fn read(uri: &Uri, params: Params, own: &[&str]) -> Result<Self, ApiError> {
        let params = params.only(&[own, &SHARED].concat())?;
        let address = params
            .pairs()
            .fold(Address::new(uri.path()), |address, (name, value)| {
                address.with(name, value)
            });
        Ok(Self {
            range: params.range()?,
            address,
            params,
            now_ns: time::now_ns(),
        })
    }

    /// The same of a page that can show what was around the moment `at`, and that moment.
    pub(super) fn read_around(
        uri: &Uri,
        params: Params,
        own: &[&str],
    ) -> Result<(Self, Option<i64>), ApiError> {
        let mut view = Self::read(uri, params, &[own, &["at"]].concat())?;
        let at_ns = view.params.moment("at")?;
        if let Some(at_ns) = at_ns {
            view.range = Range {
                since_ns: at_ns - AROUND_NS.0,
                until_ns: (at_ns + AROUND_NS.1).min(view.now_ns).max(at_ns),
            };
        }
        Ok((view, at_ns))
    }

    /// The moment that a page is about which was asked for what was around it.
    pub(super) fn at_ns(&self) -> Option<i64> {
        let at = self.params.text("at")?;
        time::parse_moment(at, self.now_ns)
    }

    /// How far back a range that ends now goes; absent of one that does not.
    pub(super) fn since(&self) -> Option<&str> {
        self.can_be_live()
            .then(|| self.params.text("since").unwrap_or(USUAL_RANGE))
    }

    /// Whether the range ends now, so that there is something to refresh.
    pub(super) fn can_be_live(&self) -> bool {
        self.params.text("until").is_none() && self.params.text("at").is_none()
    }

    /// Whether the page refreshes itself.
    pub(super) fn is_live(&self) -> bool {
        self.can_be_live() && self.params.text("live") != Some("off")
    }

    /// Another page with the same range, live or not as this one.
    pub(super) fn link(&self, path: &str) -> Address {
        SHARED
            .into_iter()
            .fold(Address::new(path), |address, name| {
                address.with_some(name, self.params.text(name))
            })
    }

    /// This page with another range: `since` and `until` as they stand in an address.
    pub(super) fn ranged(&self, since: &str, until: Option<&str>) -> Address {
        let address = self.address.clone().without("at").without("until");
        address.with("since", since).with_some("until", until)
    }

    /// The parameters of this page but for those of the range, for a form that sets it.
    pub(super) fn rangeless(&self) -> impl Iterator<Item = (&str, &str)> {
        let of_range = ["since", "until", "at"];
        self.params
            .pairs()
            .filter(move |(name, _)| !of_range.contains(name))
    }

    /// The page of a service with the same range.
    pub(super) fn service_link(&self, service: &str) -> Address {
        let range = self.link("/services");
        range.segment(service)
    }
}
