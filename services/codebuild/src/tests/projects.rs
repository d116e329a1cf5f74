//! Projects through the API.

use codebuild_model::{
    BatchGetProjects, CacheType, DeleteProject, ListProjects, ProjectSortByType, SortOrderType, UpdateProject,
};

use super::world::{ROLE, World};

#[tokio::test]
async fn created_read_changed_and_deleted() {
    let world = World::new().await;
    let created = world.create("demo", |project| project.description = Some("first".into())).await;
    assert_eq!(created.arn.as_deref(), Some("arn:aws:codebuild:us-east-1:123456789012:project/demo"));
    assert_eq!((created.timeout_in_minutes, created.queued_timeout_in_minutes), (Some(60), Some(480)));
    assert_eq!(created.encryption_key.as_deref(), Some("arn:aws:kms:us-east-1:123456789012:alias/aws/s3"));
    assert_eq!(created.cache.as_ref().unwrap().r#type, CacheType::NoCache);
    let get = BatchGetProjects { names: vec!["demo".into(), "none".into()] };
    let found = world.call(get.clone()).await.unwrap();
    assert_eq!(found.projects.unwrap().as_slice(), std::slice::from_ref(&created));
    assert_eq!(found.projects_not_found.unwrap(), ["none"]);

    let update =
        UpdateProject { name: "demo".into(), timeout_in_minutes: Some(90), ..UpdateProject::default() };
    let updated = world.call(update).await.unwrap().project.unwrap();
    assert_eq!((updated.timeout_in_minutes, updated.description.as_deref()), (Some(90), Some("first")));
    assert_eq!(updated.created, created.created);

    world.call(DeleteProject { name: "demo".into() }).await.unwrap();
    world.call(DeleteProject { name: "demo".into() }).await.unwrap();
    assert_eq!(world.call(get).await.unwrap().projects.unwrap(), []);
}

#[tokio::test]
async fn second_of_a_name_is_refused() {
    let world = World::new().await;
    world.create("demo", |_| {}).await;
    let refused = world.try_create("demo", |_| {}).await.unwrap_err();
    assert_eq!(refused.code, "ResourceAlreadyExistsException");
    assert_eq!(
        refused.message,
        "Project already exists: arn:aws:codebuild:us-east-1:123456789012:project/demo"
    );
}

#[tokio::test]
async fn role_that_does_not_admit_codebuild_is_refused() {
    let world = World::new().await;
    world.deny("codebuild.amazonaws.com sts:AssumeRole");
    let refused = world.try_create("demo", |_| {}).await.unwrap_err();
    assert_eq!(refused.code, "InvalidInputException");
    assert_eq!(
        refused.message,
        format!("CodeBuild is not authorized to perform: sts:AssumeRole on {ROLE}. ")
    );
}

#[tokio::test]
async fn caller_must_be_allowed_to_pass_the_role() {
    let world = World::new().await;
    world.deny("iam:PassRole");
    let refused = world.try_create("demo", |_| {}).await.unwrap_err();
    assert!(refused.message.contains("iam:PassRole"), "{}", refused.message);
}

#[tokio::test]
async fn update_of_nothing_is_not_found() {
    let world = World::new().await;
    let update = UpdateProject { name: "none".into(), ..UpdateProject::default() };
    assert_eq!(world.call(update).await.unwrap_err().code, "ResourceNotFoundException");
}

#[tokio::test]
async fn listed_by_name_or_time_a_page_at_a_time() {
    let world = World::new().await;
    for index in 0..102 {
        world.create(&format!("p{:03}", (index * 7) % 102), |_| {}).await;
    }
    let first = world.call(ListProjects::default()).await.unwrap();
    let names = first.projects.unwrap();
    assert_eq!((names.len(), names[0].as_str()), (100, "p000"));
    let second = ListProjects { next_token: first.next_token, ..ListProjects::default() };
    let second = world.call(second).await.unwrap();
    assert_eq!(second.projects.unwrap(), ["p100", "p101"]);
    assert_eq!(second.next_token, None);

    let newest = ListProjects {
        sort_by: Some(ProjectSortByType::CreatedTime),
        sort_order: Some(SortOrderType::Ascending),
        next_token: None,
    };
    assert_eq!(world.call(newest).await.unwrap().projects.unwrap()[..2], ["p000", "p007"]);
}
