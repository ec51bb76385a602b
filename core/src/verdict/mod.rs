//! From a tracked connection to its words: how it closed, who closed it, and why.

pub mod across;
mod cause;
mod closed;
mod evidence;
mod idle;
mod resets;
pub mod row;
mod unseen;

pub use cause::{Reason, reason};
pub use closed::{Closed, closed};
pub use evidence::List;
