//! A service's table: which operations it serves, and on which resources the policies are asked.

use std::any::Any;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use serde_json::Value;

use crate::ctx::Ctx;
use crate::error::Error;
use crate::names::Scope;
use crate::operation::{Operation, OperationModel, Service};
use crate::security::Access;
use crate::shape::{ReadError, Reader, Schema, Shape, Writer};
use crate::validation::OwnError;

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// An input or output whose type is known to its route alone.
pub trait AnyShape: Any + Send + Sync {
    fn write(&self, schema: &'static Schema, writer: &mut dyn Writer);
    fn as_any(&self) -> &dyn Any;
    fn into_any(self: Box<Self>) -> Box<dyn Any + Send>;
}

impl<T: Shape + Send + Sync + 'static> AnyShape for T {
    fn write(&self, schema: &'static Schema, writer: &mut dyn Writer) {
        Shape::write(self, schema, writer);
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any + Send> {
        self
    }
}

/// `async fn start_build(codebuild: &CodeBuild, ctx: &Ctx, input: StartBuild) -> Result<StartBuildOutput, E>`,
/// where the service's own error `E` turns into the client's.
pub trait Handler<'a, S: 'a, O: Operation>: Send + Sync {
    fn call(&self, service: &'a S, ctx: &'a Ctx, input: O) -> BoxFuture<'a, Result<O::Output, Error>>;
}

impl<'a, S, O, F, Fut, E> Handler<'a, S, O> for F
where
    S: 'a,
    O: Operation,
    F: Fn(&'a S, &'a Ctx, O) -> Fut + Send + Sync,
    Fut: Future<Output = Result<O::Output, E>> + Send + 'a,
    E: Into<Error>,
{
    fn call(&self, service: &'a S, ctx: &'a Ctx, input: O) -> BoxFuture<'a, Result<O::Output, Error>> {
        let running = self(service, ctx, input);
        Box::pin(async move { running.await.map_err(Into::into) })
    }
}

/// `async fn access(iam: &Iam, ctx: &Ctx, input: &GetUser) -> Result<Vec<Access>, E>`: for operations whose
/// resource is known only after a look at the store.
pub trait AccessResolver<'a, S: 'a, O: Operation>: Send + Sync {
    fn call(&self, service: &'a S, ctx: &'a Ctx, input: &'a O) -> BoxFuture<'a, Result<Vec<Access>, Error>>;
}

impl<'a, S, O, F, Fut, E> AccessResolver<'a, S, O> for F
where
    S: 'a,
    O: Operation,
    F: Fn(&'a S, &'a Ctx, &'a O) -> Fut + Send + Sync,
    Fut: Future<Output = Result<Vec<Access>, E>> + Send + 'a,
    E: Into<Error>,
{
    fn call(&self, service: &'a S, ctx: &'a Ctx, input: &'a O) -> BoxFuture<'a, Result<Vec<Access>, Error>> {
        let running = self(service, ctx, input);
        Box::pin(async move { running.await.map_err(Into::into) })
    }
}

/// One served operation with its types erased.
#[async_trait::async_trait]
pub trait Route: Send + Sync {
    fn model(&self) -> &'static OperationModel;
    fn read(&self, reader: &mut dyn Reader) -> Result<Box<dyn AnyShape>, ReadError>;
    async fn accesses(&self, ctx: &Ctx, input: &dyn AnyShape) -> Result<Vec<Access>, Error>;
    async fn handle(&self, ctx: &Ctx, input: Box<dyn AnyShape>) -> Result<Box<dyn AnyShape>, Error>;
}

/// Takes out of an audit record what the model's schemas cannot mark: secrets that only the service tells from other
/// values.
#[async_trait::async_trait]
pub trait Hide: Send + Sync {
    /// `parameters` and `response` are a call's input and output as they would be recorded.
    async fn hide(&self, ctx: &Ctx, parameters: &mut Value, response: &mut Value);
}

/// What one service serves.
pub struct Router {
    pub service: &'static Service,
    /// Violated constraints that are answered with errors of the service's own.
    pub own_errors: &'static [OwnError],
    /// What validation errors say in their member `reason`, where they have one.
    pub validation_reason: Option<&'static str>,
    /// The operations whose payload streams over the wire: see [`Streams`](crate::streams::Streams).
    pub streaming: &'static [&'static str],
    routes: BTreeMap<&'static str, Arc<dyn Route>>,
    hidden: BTreeMap<&'static str, Arc<dyn Hide>>,
}

/// A [`Router`] being filled in, with the service's state at hand.
pub struct RouterBuilder<S> {
    state: Arc<S>,
    router: Router,
}

impl Router {
    pub fn of<S: Send + Sync + 'static>(service: &'static Service, state: Arc<S>) -> RouterBuilder<S> {
        let router = Self {
            service,
            own_errors: &[],
            validation_reason: None,
            streaming: &[],
            routes: BTreeMap::new(),
            hidden: BTreeMap::new(),
        };
        RouterBuilder { state, router }
    }

    pub fn route(&self, operation: &str) -> Option<&Arc<dyn Route>> {
        self.routes.get(operation)
    }

    /// What hides secrets of an operation from its audit record, beside the schemas.
    pub fn hidden(&self, operation: &str) -> Option<&Arc<dyn Hide>> {
        self.hidden.get(operation)
    }

    /// The names of the operations served, in order.
    pub fn served(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.routes.keys().copied()
    }
}

impl<S: Send + Sync + 'static> RouterBuilder<S> {
    /// Serves an operation; the policies are asked about what `access` derives from the input alone.
    #[must_use]
    pub fn on<O, F>(mut self, handler: F, access: fn(&O, &Scope) -> Vec<Access>) -> Self
    where
        O: Operation,
        F: for<'a> Handler<'a, S, O> + 'static,
    {
        let by_input = ByInput(access);
        self.insert::<O, F, ByInput<O>>(handler, by_input);
        self
    }

    /// Serves an operation; the policies are asked about what `resolver` finds out.
    #[must_use]
    pub fn on_resolved<O, F, R>(mut self, handler: F, resolver: R) -> Self
    where
        O: Operation,
        F: for<'a> Handler<'a, S, O> + 'static,
        R: for<'a> AccessResolver<'a, S, O> + 'static,
    {
        self.insert::<O, F, R>(handler, resolver);
        self
    }

    /// Has `hide` look over the audit records of these operations.
    #[must_use]
    pub fn hiding(mut self, hide: Arc<dyn Hide>, operations: &[&'static str]) -> Self {
        self.router.hidden.extend(operations.iter().map(|operation| (*operation, hide.clone())));
        self
    }

    /// Answers violated constraints with errors of the service's own instead of its validation error.
    #[must_use]
    pub fn refusing(mut self, own_errors: &'static [OwnError]) -> Self {
        self.router.own_errors = own_errors;
        self
    }

    /// Gives validation errors a member `reason`.
    #[must_use]
    pub fn reasoning(mut self, reason: &'static str) -> Self {
        self.router.validation_reason = Some(reason);
        self
    }

    /// Has the payloads of these operations stream over the wire.
    #[must_use]
    pub fn streaming(mut self, operations: &'static [&'static str]) -> Self {
        self.router.streaming = operations;
        self
    }

    pub fn build(self) -> Router {
        self.router
    }

    fn insert<O, F, R>(&mut self, handler: F, resolver: R)
    where
        O: Operation,
        F: for<'a> Handler<'a, S, O> + 'static,
        R: for<'a> AccessResolver<'a, S, O> + 'static,
    {
        let route = TypedRoute {
            state: self.state.clone(),
            handler,
            resolver,
            of: std::marker::PhantomData::<fn(O)>,
        };
        self.router.routes.insert(O::MODEL.name, Arc::new(route));
    }
}

struct ByInput<O>(fn(&O, &Scope) -> Vec<Access>);

impl<'a, S: 'a, O: Operation> AccessResolver<'a, S, O> for ByInput<O> {
    fn call(&self, _service: &'a S, ctx: &'a Ctx, input: &'a O) -> BoxFuture<'a, Result<Vec<Access>, Error>> {
        Box::pin(std::future::ready(Ok((self.0)(input, &ctx.scope))))
    }
}

struct TypedRoute<S, O, F, R> {
    state: Arc<S>,
    handler: F,
    resolver: R,
    of: std::marker::PhantomData<fn(O)>,
}

#[async_trait::async_trait]
impl<S, O, F, R> Route for TypedRoute<S, O, F, R>
where
    S: Send + Sync + 'static,
    O: Operation,
    F: for<'a> Handler<'a, S, O> + 'static,
    R: for<'a> AccessResolver<'a, S, O> + 'static,
{
    fn model(&self) -> &'static OperationModel {
        O::MODEL
    }

    fn read(&self, reader: &mut dyn Reader) -> Result<Box<dyn AnyShape>, ReadError> {
        O::read(O::MODEL.input, reader).map(|input| Box::new(input) as Box<dyn AnyShape>)
    }

    async fn accesses(&self, ctx: &Ctx, input: &dyn AnyShape) -> Result<Vec<Access>, Error> {
        match input.as_any().downcast_ref::<O>() {
            Some(input) => self.resolver.call(&self.state, ctx, input).await,
            None => Err(Error::internal("an input of another operation reached a route")),
        }
    }

    async fn handle(&self, ctx: &Ctx, input: Box<dyn AnyShape>) -> Result<Box<dyn AnyShape>, Error> {
        match input.into_any().downcast::<O>() {
            Ok(input) => {
                let output = self.handler.call(&self.state, ctx, *input).await?;
                Ok(Box::new(output))
            }
            Err(_) => Err(Error::internal("an input of another operation reached a route")),
        }
    }
}
