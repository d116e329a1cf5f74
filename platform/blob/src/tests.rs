//! What blobs promise, in a folder and in an object store. The object store here is `object_store`'s own in memory:
//! it is the code on our side of that interface that is tested.

use std::convert::Infallible;
use std::path::Path;
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::memory::InMemory;
use tempfile::TempDir;

use super::*;

/// More than one part of an S3 upload.
const LARGE: usize = 20_000_000;

async fn in_folder(dir: &Path) -> Blobs {
    Blobs::open(Config::Folder { dir: dir.to_owned() }).await.unwrap()
}

fn in_memory(dir: &Path) -> Blobs {
    let s3 =
        S3::through(Arc::new(InMemory::new()), "some/prefix".into(), "s3://memory/some/prefix".to_owned());
    let staging = Staging::open(dir).unwrap();
    Blobs { inner: Arc::new(Inner { staging, place: Place::S3(s3) }) }
}

/// Both places, each in a folder of its own.
async fn places() -> Vec<(Blobs, TempDir)> {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    vec![(in_folder(one.path()).await, one), (in_memory(other.path()), other)]
}

/// Bytes that look random and can be made again.
fn bytes(size: usize) -> Bytes {
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    std::iter::repeat_with(next).take(size).collect::<Vec<u8>>().into()
}

async fn read_all(stream: ByteStream) -> Bytes {
    let pieces: Vec<Bytes> = stream.try_collect().await.unwrap();
    pieces.concat().into()
}

fn staged_files(dir: &Path) -> usize {
    std::fs::read_dir(dir.join("incoming")).unwrap().count()
}

/// What is given up goes with the end of the write that is under way.
async fn nothing_stays_staged(dir: &Path) {
    only_stay_staged(0, dir).await;
}

async fn only_stay_staged(count: usize, dir: &Path) {
    let gone = async {
        while staged_files(dir) > count {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), gone).await.unwrap();
}

async fn listed(blobs: &Blobs) -> Vec<BlobId> {
    let mut ids: Vec<_> = blobs.list().map_ok(|head| head.id).try_collect().await.unwrap();
    ids.sort();
    ids
}

#[tokio::test]
async fn bytes_come_back_whatever_their_size() {
    for (blobs, dir) in places().await {
        for size in [0, 1, 4_096, 600_000, LARGE] {
            let content = bytes(size);
            let id = blobs.put_bytes(content.clone()).await.unwrap();
            assert_eq!(id, BlobId::of(&content), "{blobs:?}");
            assert!(read_all(blobs.get(id).await.unwrap()).await == content, "{blobs:?}: {size}");
            assert_eq!(blobs.head(id).await.unwrap().unwrap().id, id);
            blobs.verify(id).await.unwrap();
        }
        assert_eq!(staged_files(dir.path()), 0, "nothing is left behind");
    }
}

#[tokio::test]
async fn many_small_pieces_make_one_blob() {
    for (blobs, _dir) in places().await {
        let content = bytes(100_000);
        let pieces = content.chunks(7).map(|piece| Ok::<_, Infallible>(Bytes::copy_from_slice(piece)));
        let id = blobs.put(stream::iter(pieces.collect::<Vec<_>>())).await.unwrap();
        assert_eq!(id, BlobId::of(&content));
        assert!(read_all(blobs.get(id).await.unwrap()).await == content);
    }
}

#[tokio::test]
async fn a_part_is_what_lies_between() {
    for (blobs, _dir) in places().await {
        let content = bytes(1_000_000);
        let id = blobs.put_bytes(content.clone()).await.unwrap();
        for range in [0..1, 0..1_000_000, 999_999..1_000_000, 300_000..700_001, 5..5, 1_000_000..1_000_000] {
            let part = read_all(blobs.get_range(id, range.clone()).await.unwrap()).await;
            assert!(part == content[range.start as usize..range.end as usize], "{blobs:?}: {range:?}");
        }
        let to_the_end = read_all(blobs.get_range(id, 999_990..u64::MAX).await.unwrap()).await;
        assert_eq!(to_the_end, content[999_990..]);
        let beyond = blobs.get_range(id, 1_000_001..1_000_002).await.err();
        assert!(matches!(beyond, Some(Error::Range { size: 1_000_000, .. })), "{beyond:?}");
        #[expect(clippy::reversed_empty_ranges, reason = "a caller may ask for it")]
        let backwards = read_all(blobs.get_range(id, 10..5).await.unwrap()).await;
        assert!(backwards.is_empty());
    }
}

#[tokio::test]
async fn equal_bytes_are_stored_once() {
    for (blobs, dir) in places().await {
        let puts = (0..8).map(|_| blobs.put_bytes(bytes(100_000)));
        let ids = futures_util::future::try_join_all(puts).await.unwrap();
        assert!(ids.iter().all(|id| *id == ids[0]));
        let other = blobs.put_bytes("other").await.unwrap();
        let mut expected = vec![ids[0], other];
        expected.sort();
        assert_eq!(listed(&blobs).await, expected, "{blobs:?}");
        assert_eq!(staged_files(dir.path()), 0);
    }
}

#[tokio::test]
async fn what_is_not_stored_is_not_found() {
    for (blobs, _dir) in places().await {
        let absent = BlobId::of(b"absent");
        assert!(matches!(blobs.get(absent).await.err(), Some(Error::NotFound { .. })));
        assert!(matches!(blobs.read(absent, 10).await, Err(Error::NotFound { .. })));
        assert_eq!(blobs.head(absent).await.unwrap(), None);
        assert!(!blobs.delete(absent).await.unwrap());
    }
}

#[tokio::test]
async fn a_deleted_blob_is_gone_and_can_be_put_again() {
    for (blobs, _dir) in places().await {
        let id = blobs.put_bytes("text").await.unwrap();
        assert!(blobs.delete(id).await.unwrap());
        assert!(!blobs.delete(id).await.unwrap());
        assert!(listed(&blobs).await.is_empty());
        blobs.put_bytes("text").await.unwrap();
        assert_eq!(blobs.read(id, 100).await.unwrap(), "text");
    }
}

#[tokio::test]
async fn a_collector_spares_what_was_put_since() {
    for (blobs, _dir) in places().await {
        let id = blobs.put_bytes("text").await.unwrap();
        let put = blobs.head(id).await.unwrap().unwrap().modified;
        assert!(!blobs.delete_if_older(id, put).await.unwrap());
        assert!(blobs.head(id).await.unwrap().is_some());
        assert!(blobs.delete_if_older(id, put + Duration::from_secs(1)).await.unwrap());
        assert_eq!(blobs.head(id).await.unwrap(), None);
    }
}

#[tokio::test]
async fn putting_again_makes_a_blob_young_again() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = in_folder(dir.path()).await;
    let id = blobs.put_bytes("text").await.unwrap();
    let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
    let file = std::fs::File::options().write(true).open(blobs.path(id).unwrap()).unwrap();
    file.set_modified(long_ago).unwrap();
    assert_eq!(blobs.head(id).await.unwrap().unwrap().modified, long_ago);
    blobs.put_bytes("text").await.unwrap();
    let an_hour_ago = SystemTime::now() - Duration::from_secs(3600);
    assert!(!blobs.delete_if_older(id, an_hour_ago).await.unwrap());
}

#[tokio::test]
async fn a_stream_that_fails_stores_nothing() {
    for (blobs, dir) in places().await {
        let pieces = [Ok(bytes(1_000_000)), Err("the client went away"), Ok(bytes(10))];
        let failed = blobs.put(stream::iter(pieces)).await;
        let error = failed.unwrap_err();
        assert!(
            matches!(&error, Error::Source(cause) if cause.to_string() == "the client went away"),
            "{error}"
        );
        assert!(listed(&blobs).await.is_empty());
        nothing_stays_staged(dir.path()).await;
    }
}

#[tokio::test]
async fn a_writer_that_is_given_up_stores_nothing() {
    for (blobs, dir) in places().await {
        let mut writer = blobs.writer().await.unwrap();
        writer.write(bytes(2_000_000)).await.unwrap();
        assert_eq!(staged_files(dir.path()), 1);
        drop(writer);
        nothing_stays_staged(dir.path()).await;
        assert!(listed(&blobs).await.is_empty());
    }
}

#[tokio::test]
async fn a_blob_too_large_to_be_read_at_once_is_refused() {
    for (blobs, _dir) in places().await {
        let id = blobs.put_bytes(bytes(1_000)).await.unwrap();
        assert_eq!(blobs.read(id, 1_000).await.unwrap().len(), 1_000);
        assert!(matches!(blobs.read(id, 999).await, Err(Error::TooLarge { limit: 999, .. })));
    }
}

#[tokio::test]
async fn blobs_survive_a_restart_and_leftovers_do_not() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = in_folder(dir.path()).await;
    let id = blobs.put_bytes(bytes(10_000)).await.unwrap();
    let mut writer = blobs.writer().await.unwrap();
    writer.write(bytes(1_000_000)).await.unwrap();
    // What a crash at this point leaves: the staged file under a name that nobody holds.
    let staged = std::fs::read_dir(dir.path().join("incoming")).unwrap().next().unwrap().unwrap().path();
    std::fs::hard_link(&staged, staged.with_extension("crashed")).unwrap();
    drop((writer, blobs));
    only_stay_staged(1, dir.path()).await;
    assert_eq!(staged_files(dir.path()), 1);

    let blobs = in_folder(dir.path()).await;
    assert_eq!(staged_files(dir.path()), 0);
    blobs.verify(id).await.unwrap();
    assert_eq!(listed(&blobs).await, [id]);
}

#[tokio::test]
async fn a_folder_is_opened_once() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = in_folder(dir.path()).await;
    let second = Blobs::open(Config::Folder { dir: dir.path().to_owned() }).await;
    assert!(matches!(second, Err(Error::Locked { .. })), "{second:?}");
    drop(blobs);
    in_folder(dir.path()).await;
}

#[tokio::test]
async fn damage_is_found_and_mended_by_putting_again() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = in_folder(dir.path()).await;
    let content = bytes(10_000);
    let id = blobs.put_bytes(content.clone()).await.unwrap();
    std::fs::write(blobs.path(id).unwrap(), &content[..5_000]).unwrap();
    assert!(matches!(blobs.verify(id).await, Err(Error::Damaged { .. })));
    blobs.put_bytes(content).await.unwrap();
    blobs.verify(id).await.unwrap();
}

#[tokio::test]
async fn files_that_are_no_blobs_are_not_listed() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = in_folder(dir.path()).await;
    let id = blobs.put_bytes("text").await.unwrap();
    std::fs::write(blobs.path(id).unwrap().with_file_name("notes.txt"), "").unwrap();
    assert_eq!(listed(&blobs).await, [id]);
}

#[tokio::test]
async fn an_unusable_configuration_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let open = |url: &str, setting: &str| {
        let settings = vec![(setting.to_owned(), "x".to_owned())];
        Blobs::open(Config::S3 { url: url.to_owned(), staging: dir.path().to_owned(), settings })
    };
    let unusable = [
        ("http://bucket", "region"),
        ("s3:///prefix", "region"),
        ("s3://bucket/prefix", "no_such_setting"),
        ("s3://bucket/a//b", "region"),
    ];
    for (url, setting) in unusable {
        let refused = open(url, setting).await;
        assert!(matches!(&refused, Err(Error::Config { url: named, .. }) if named == url), "{refused:?}");
    }
    open("s3://bucket/some/prefix", "region").await.unwrap();
}

#[tokio::test]
async fn an_unreachable_object_store_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let settings = [
        ("endpoint", "http://127.0.0.1:1"),
        ("allow_http", "true"),
        ("access_key_id", "a"),
        ("secret_access_key", "b"),
        ("region", "us-east-1"),
    ];
    let settings = settings.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let config = Config::S3 { url: "s3://bucket".to_owned(), staging: dir.path().to_owned(), settings };
    let blobs = Blobs::open(config).await.unwrap();
    let mut listing = blobs.list();
    assert!(matches!(listing.next().await, Some(Err(Error::S3(_)))));
}
