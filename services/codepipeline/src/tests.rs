//! The service as a whole, on the real store and behind the real gateway. The services that pipelines use are played
//! by `world`, which can also fail, refuse and be slow.

mod api;
mod conditions;
mod crash;
mod jobs;
mod journey;
mod refusals;
mod retention;
mod triggers;
mod world;
