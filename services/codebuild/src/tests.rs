//! Whole builds: the API, the driver and real sandboxes; IAM, S3 and Logs are played.

mod batches;
mod builds;
mod caches;
mod compute;
mod crash;
mod journey;
mod projects;
mod sources;
mod world;
