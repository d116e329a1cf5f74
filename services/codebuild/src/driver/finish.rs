//! FINALIZING and COMPLETED: the rest of the log, and nothing left behind.

use aws::Timestamp;
use codebuild_model::BuildPhaseType;
use runner::State;
use std::{fs::File, io, os::unix::fs::FileExt};

use super::{Fault, commands, drive::Drive, log::LogWriter};
use crate::{
    cache,
    records::{Build, Progress},
    service::change,
    state::{Change, Outcome},
};

const CHUNK: usize = 256 * 1024;

/// May be done again: what was put is known by its offset, what was deleted stays deleted.
pub(super) async fn finish(drive: &Drive<'_>, build: &Build) -> Result<(), Fault> {
    put_rest_of_log(drive, build).await?;
    drive.codebuild.executor.remove(build.id.uuid).await?;
    // Left by a stop or a crash, if at all.
    let evaluation = cache::evaluation_id(build.id.uuid);
    if drive.codebuild.executor.state(evaluation).await? == State::Running {
        drive.codebuild.executor.stop(evaluation).await?;
    }
    drive.codebuild.executor.remove(evaluation).await?;
    let (key, claimed, at) = (drive.key.clone(), drive.claimed.clone(), Timestamp::now());
    let changes = [
        Change::Leave { phase: BuildPhaseType::Finalizing, outcome: Outcome::succeeded(), at },
        Change::Complete { at },
    ];
    let build = build.clone();
    let write = drive.codebuild.store.write(move |tx| {
        commands::end_all(tx, &build, at)?;
        change(tx, &key, &changes, None, at)?;
        tx.delete::<Progress>(&key)?;
        tx.complete(&claimed)
    });
    Ok(write.await?)
}

/// What was written before the commands began or after they ended.
async fn put_rest_of_log(drive: &Drive<'_>, build: &Build) -> Result<(), Fault> {
    let folder = drive.codebuild.executor.prepare(build.id.uuid).await?;
    let file = File::open(folder.output_log())?;
    let mut progress = drive.progress(build).await?;
    let mut log = LogWriter::new(&drive.role, build.id.uuid, build.log.clone(), progress.position.output);
    let mut offset = progress.position.output;
    loop {
        let chunk = read(&file, offset)?;
        if chunk.is_empty() {
            break;
        }
        offset += chunk.len() as u64;
        log.write(&chunk).await;
    }
    log.finish().await;
    progress.position.output = log.offset();
    drive.commit(Vec::new(), Some(progress)).await.map(|_| ())
}

fn read(file: &File, offset: u64) -> io::Result<Vec<u8>> {
    let mut chunk = vec![0; CHUNK];
    let length = file.read_at(&mut chunk, offset)?;
    chunk.truncate(length);
    Ok(chunk)
}
