//! The server-rendered page.
