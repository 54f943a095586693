//! Scenarios on the real client meet the real server.

mod chat;
mod churn;
mod resume;
mod server;
mod shootout;
