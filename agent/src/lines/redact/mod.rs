//! Replaces secrets before anything leaves the host.
//!
//! Patterns run in their order, the built-in ones first. A line is searched once for short triggers of all built-in patterns
//! by SIMD instructions; a pattern whose trigger is not there is not run. Configured patterns run on every line.
//!
//! Known limitations: a secret that no pattern describes stays, as does one that is cut in two by the end of a record, such
//! as the lines of a private key after its first one where no multi-line pattern joins them. Names of containers and files
//! are not redacted. What follows `token:` or `password=` is taken for a secret, whatever it is.

mod card;
mod defaults;

use std::{
    borrow::Cow,
    ops::Range,
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use aho_corasick::packed::{self, Searcher};
use memchr::memchr;
use regex::{Captures, Regex};

use defaults::{DEFAULTS, Default};

/// A pattern of the configuration.
#[derive(Debug, Clone)]
pub struct Pattern {
    /// What the counter and the usual replacement call it.
    pub name: String,
    /// What is replaced.
    pub regex: Regex,
    /// What it is replaced by; `$1` or `${name}` are groups of the pattern. Without: `[redacted:NAME]`.
    pub replacement: Option<String>,
}

/// Replaces what its patterns find.
#[derive(Debug)]
pub struct Redactor {
    rules: Vec<Rule>,
    triggers: Triggers,
    /// The rule of card numbers, if the built-in patterns are on.
    cards: Option<AtomicU64>,
}

#[derive(Debug)]
struct Rule {
    name: Cow<'static, str>,
    matcher: Matcher,
    replacement: String,
    redacted: AtomicU64,
}

#[derive(Debug)]
enum Matcher {
    BuiltIn(&'static LazyLock<Regex>),
    Configured(Regex),
}

impl Matcher {
    fn regex(&self) -> &Regex {
        match self {
            Self::BuiltIn(regex) => regex,
            Self::Configured(regex) => regex,
        }
    }
}

/// Tells which of the built-in rules a text may need.
#[derive(Debug)]
struct Triggers {
    searcher: Option<Searcher>,
    /// The rule of each trigger, as a bit.
    rules: Vec<u32>,
    /// The rule of the trigger that is a single byte.
    url: u32,
    /// The rules that are always run.
    always: u32,
    all: u32,
}

/// A set of rules has a bit for each.
const MOST_RULES: usize = 32;

/// Why there is no redactor.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum RedactError {
    /// There are too many patterns.
    #[error(
        "{count} redaction patterns with the built-in ones, and {MOST_RULES} may be: join some by `|`"
    )]
    TooMany {
        /// How many there are.
        count: usize,
    },
}

impl Redactor {
    /// With the built-in patterns or without them, and patterns of the configuration.
    ///
    /// # Errors
    /// Too many patterns.
    pub fn new(has_defaults: bool, patterns: Vec<Pattern>) -> Result<Self, RedactError> {
        let defaults: &'static [Default] = if has_defaults { &DEFAULTS } else { &[] };
        let count = defaults.len() + patterns.len();
        if count > MOST_RULES {
            return Err(RedactError::TooMany { count });
        }
        let triggers = Triggers::new(defaults, patterns.len());
        let rules = defaults
            .iter()
            .map(Default::rule)
            .chain(patterns.into_iter().map(|pattern| Rule {
                replacement:
                    pattern.replacement.unwrap_or_else(|| {
                        format!("[redacted:{}]", pattern.name.replace('$', "$$"))
                    }),
                name: pattern.name.into(),
                matcher: Matcher::Configured(pattern.regex),
                redacted: AtomicU64::new(0),
            }))
            .collect();
        Ok(Self {
            rules,
            triggers,
            cards: has_defaults.then(AtomicU64::default),
        })
    }

    /// The text without its secrets, and how many there were.
    #[inline]
    pub fn redact<'t>(&self, text: &'t str) -> (Cow<'t, str>, u64) {
        let rules = self.triggers.rules_for(text.as_bytes());
        let has_card = self.cards.is_some() && card::is_there(text);
        if rules == 0 && !has_card {
            return (Cow::Borrowed(text), 0);
        }
        self.run(rules, has_card, text)
    }

    /// The value of an attribute without its secrets, and how many there were. All of it is one when its key says so.
    pub fn redact_attribute<'t>(&self, key: &str, value: &'t str) -> (Cow<'t, str>, u64) {
        if !value.is_empty() && self.cards.is_some() && defaults::is_secret_key(key) {
            let rule = &self.rules[defaults::SECRET];
            rule.redacted.fetch_add(1, Relaxed);
            return (Cow::Borrowed("[redacted:secret]"), 1);
        }
        self.redact(value)
    }

    /// How much each pattern has replaced so far.
    pub fn counts(&self) -> impl Iterator<Item = (&str, u64)> {
        let rules = self
            .rules
            .iter()
            .map(|rule| (&*rule.name, rule.redacted.load(Relaxed)));
        rules.chain(self.cards.iter().map(|cards| ("card", cards.load(Relaxed))))
    }

    fn run<'t>(&self, mut rules: u32, has_card: bool, text: &'t str) -> (Cow<'t, str>, u64) {
        let mut text = Cow::Borrowed(text);
        let mut redacted = 0;
        while rules != 0 {
            let rule = &self.rules[rules.trailing_zeros() as usize];
            rules &= rules - 1;
            let mut found = 0;
            let replaced = rule
                .matcher
                .regex()
                .replace_all(&text, |captures: &Captures<'_>| {
                    found += 1;
                    let mut replacement = String::new();
                    captures.expand(&rule.replacement, &mut replacement);
                    replacement
                });
            if let Cow::Owned(replaced) = replaced {
                text = Cow::Owned(replaced);
            }
            rule.redacted.fetch_add(found, Relaxed);
            redacted += found;
        }
        if let (true, Some(cards)) = (has_card, &self.cards)
            && let Some((replaced, found)) = card::replace(&text)
        {
            text = Cow::Owned(replaced);
            cards.fetch_add(found, Relaxed);
            redacted += found;
        }
        (text, redacted)
    }
}

impl Triggers {
    fn new(defaults: &[Default], patterns: usize) -> Self {
        let triggers = || {
            defaults.iter().enumerate().flat_map(|(rule, default)| {
                default.triggers.iter().map(move |trigger| (rule, *trigger))
            })
        };
        let mut builder = packed::Config::new().builder();
        builder.extend(triggers().map(|(_, trigger)| trigger));
        let set = |rules: Range<usize>| rules.fold(0, |set, rule| set | 1 << rule);
        let count = defaults.len() + patterns;
        Self {
            searcher: builder.build(),
            rules: triggers().map(|(rule, _)| 1 << rule).collect(),
            url: if defaults.is_empty() {
                0
            } else {
                1 << defaults::URL
            },
            always: set(defaults.len()..count),
            all: set(0..count),
        }
    }

    #[inline]
    fn rules_for(&self, text: &[u8]) -> u32 {
        match &self.searcher {
            Some(searcher) => {
                let needs_url = self.url != 0 && memchr(defaults::URL_TRIGGER, text).is_some();
                let start = self.always | if needs_url { self.url } else { 0 };
                searcher.find_iter(text).fold(start, |rules, found| {
                    rules | self.rules[found.pattern().as_usize()]
                })
            }
            // No patterns with triggers, or a processor without the instructions to search for them.
            None => self.all,
        }
    }
}

#[cfg(test)]
mod tests;
