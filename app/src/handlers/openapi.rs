//! `GET /openapi.json`: what the service answers to, as a document of `OpenAPI` 3.1.
//!
//! Each handler describes itself; what is common to all answers is added here. `app/openapi.json` is the document as it was
//! reviewed: a test holds it to the code (`TRIVIUM_UPDATE=1` rewrites it), another the paths and methods to the router.
//!
//! A schema can't say that a password has at most 71 *bytes*, nor all that is an e-mail address: a body that keeps to its
//! schema may still be answered with 422.

use std::sync::LazyLock;

use bytes::Bytes;
use http::{HeaderValue, Response, header};
use utoipa::{
    Modify, OpenApi, PartialSchema, ToSchema,
    openapi::{
        Content, HeaderBuilder, OpenApi as Document, Ref, RefOr, Response as Answer,
        path::Operation,
        response::ResponseBuilder,
        security::{Flow, OAuth2, Password, Scopes, SecurityScheme},
    },
};

use super::{account, docs, login, refresh, signup, status};
use crate::{error, stack::Body};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "auth",
        description = "Sign-up, login and tokens. Every answer has an `x-request-id`; that of the request is kept. A path \
                       is known with and without one slash at its end; HEAD is answered wherever GET is."
    ),
    paths(
        status::index, status::livez, status::readyz, signup::handle, login::handle, refresh::refresh, refresh::log_out,
        account::me,
        docs::page, docs::file, openapi,
    ),
    components(schemas(error::Answer<'_>)),
    modifiers(&Common)
)]
struct Api;

static DOCUMENT: LazyLock<Bytes> = LazyLock::new(|| Bytes::from(document()));

/// This document
#[utoipa::path(
    get,
    path = "/openapi.json",
    tag = "about",
    responses((status = 200, description = "An OpenAPI 3.1 document", body = Object))
)]
pub(super) fn openapi() -> Response<Body> {
    let mut response = Response::new(Body::new(DOCUMENT.clone()));
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    response
}

fn document() -> String {
    let mut document = Api::openapi()
        .to_pretty_json()
        .expect("the document is made of maps with text keys, which always serialise");
    document.push('\n');
    document
}

/// Adds what is not one handler's to say: how tokens are had, and the errors of the layers around the handlers.
struct Common;

impl Modify for Common {
    fn modify(&self, document: &mut Document) {
        let password = Flow::Password(Password::new("/login/", Scopes::new()));
        let components = document.components.get_or_insert_default();
        components.add_security_scheme(
            "access_token",
            SecurityScheme::OAuth2(OAuth2::new([password])),
        );
        for error in ANY_ERRORS.iter().chain(&BODY_ERRORS) {
            let response = RefOr::T(error.response());
            components.responses.insert(error.name.to_owned(), response);
        }
        for item in document.paths.paths.values_mut() {
            for operation in item.get.iter_mut().chain(item.post.iter_mut()) {
                add_errors(operation);
            }
        }
    }
}

struct CommonError {
    status: &'static str,
    name: &'static str,
    description: &'static str,
}

const ANY_ERRORS: [CommonError; 3] = [
    CommonError {
        status: "500",
        name: "Internal",
        description: "A defect or a failed dependency",
    },
    CommonError {
        status: "503",
        name: "Busy",
        description: "Busy or stopping; try again after a second",
    },
    CommonError {
        status: "504",
        name: "Timeout",
        description: "The answer was not ready in time",
    },
];

const BODY_ERRORS: [CommonError; 5] = [
    CommonError {
        status: "400",
        name: "Malformed",
        description: "The body can't be read as what it is announced as",
    },
    CommonError {
        status: "408",
        name: "BodyTimeout",
        description: "The body did not arrive in time",
    },
    CommonError {
        status: "413",
        name: "BodyTooLarge",
        description: "The body is larger than APP_MAX_BODY",
    },
    CommonError {
        status: "415",
        name: "UnsupportedMediaType",
        description: "The body is not announced as what the path reads",
    },
    CommonError {
        status: "422",
        name: "InvalidInput",
        description: "Fields that can't be used, each of them listed",
    },
];

impl CommonError {
    fn response(&self) -> Answer {
        let schema = Ref::from_schema_name(error::Answer::name());
        let response = ResponseBuilder::new()
            .description(self.description)
            .content("application/json", Content::new(Some(schema)));
        with_request_id(response.build())
    }
}

fn add_errors(operation: &mut Operation) {
    let responses = &mut operation.responses.responses;
    for response in responses.values_mut() {
        if let RefOr::T(own) = response {
            *own = with_request_id(own.clone());
        }
    }
    let body_errors = operation.request_body.iter().flat_map(|_| &BODY_ERRORS);
    for error in ANY_ERRORS.iter().chain(body_errors) {
        let common = RefOr::Ref(Ref::from_response_name(error.name));
        responses.entry(error.status.to_owned()).or_insert(common);
    }
}

fn with_request_id(mut response: Answer) -> Answer {
    let id = HeaderBuilder::new()
        .schema(Some(String::schema()))
        .description(Some("The id of the request in logs and traces"));
    response
        .headers
        .insert("x-request-id".to_owned(), RefOr::T(id.build()));
    response
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, path::Path};

    use serde_json::Value;

    use super::*;
    use crate::route::Route;

    #[test]
    fn the_pinned_document_is_the_one_of_the_code() {
        let pinned = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
        if std::env::var("TRIVIUM_UPDATE").is_ok_and(|value| value == "1") {
            std::fs::write(&pinned, document()).unwrap();
        }
        assert!(
            std::fs::read_to_string(&pinned).unwrap() == document(),
            "app/openapi.json is not what the code says; TRIVIUM_UPDATE=1 cargo test -p trivium-app rewrites it"
        );
    }

    #[test]
    fn the_document_and_the_router_know_the_same_paths_and_methods() {
        let document: Value = serde_json::from_str(&document()).unwrap();
        let documented: BTreeSet<(String, String)> = document["paths"]
            .as_object()
            .unwrap()
            .iter()
            .flat_map(|(path, item)| {
                let methods = item.as_object().unwrap().keys();
                methods.map(|method| (path.clone(), method.to_uppercase()))
            })
            .collect();
        let routed = Route::ALL.iter().flat_map(|route| {
            // HEAD is part of GET.
            let methods = route.allow().split(", ").filter(|method| *method != "HEAD");
            methods.map(|method| (route.template().to_owned(), method.to_owned()))
        });
        assert_eq!(documented, routed.collect());
    }
}
