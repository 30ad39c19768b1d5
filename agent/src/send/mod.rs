//! Sends to the Collector, over and over, until it has answered.
