//! Reads the store for the API and the page.
