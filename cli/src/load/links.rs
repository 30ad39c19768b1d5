//! Where the trace of a request can be seen.

use reqwest::Url;

const PLACE: &str = "{trace_id}";

/// What stands before and after the id of a trace in its address.
#[derive(Debug, Clone)]
pub(super) struct TraceLinks {
    before: String,
    after: String,
}

impl TraceLinks {
    pub(super) fn to_lens(page: &Url) -> Self {
        Self {
            before: format!("{}/traces/", page.as_str().trim_end_matches('/')),
            after: String::new(),
        }
    }

    /// `None` without a place for the id.
    pub(super) fn from_template(template: &str) -> Option<Self> {
        let (before, after) = template.split_once(PLACE)?;
        Some(Self {
            before: before.to_owned(),
            after: after.to_owned(),
        })
    }

    pub(super) fn link(&self, trace_id: &str) -> String {
        format!("{}{trace_id}{}", self.before, self.after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_stands_where_lens_and_where_a_template_wants_it() {
        let lens = TraceLinks::to_lens(&Url::parse("http://127.0.0.1:3000").unwrap());
        assert_eq!(lens.link("ab"), "http://127.0.0.1:3000/traces/ab");
        let grafana = TraceLinks::from_template("http://g/explore?q={trace_id}&x=1").unwrap();
        assert_eq!(grafana.link("ab"), "http://g/explore?q=ab&x=1");
        assert!(TraceLinks::from_template("http://g/explore").is_none());
    }
}
