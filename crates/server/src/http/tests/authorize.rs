//! The application's own check, and what is checked before it.

use std::{
    future::pending,
    sync::Arc,
    time::{Duration, Instant},
};

use bowline_core::handshake::Refusal;
use http::{StatusCode, header::RETRY_AFTER};
use tokio::time::Instant as TokioInstant;

use super::{parts, peer};
use crate::{
    http::{Grant, Guards, RateLimit, RequestExt as _, authorize::refusal},
    metrics::Refused,
    room::RoomName,
};

fn room(name: &str) -> RoomName {
    RoomName::new(name).unwrap()
}

#[tokio::test]
async fn without_a_hook_everything_is_granted() {
    let grant = Guards::new().ask(&Arc::new(parts("/ws", &[], None))).await.unwrap();
    assert!(grant.rights.may_join(&room("a")) && grant.rights.may_publish(&room("a")) && grant.identity.is_none());
}

#[tokio::test]
async fn the_hook_sees_the_request_and_says_who_it_is() {
    let guards = Guards::new().authorize(|request| async move {
        let Some(name) = request.bearer_token() else {
            return Err(refusal(StatusCode::UNAUTHORIZED, "Who are you?\n"));
        };
        let grant = Grant::new().identity(name).extension(7_u8);
        Ok(grant.join_only(|room| room.as_str() == "lobby").publish_only(|_| false))
    });
    let anonymous = guards.ask(&Arc::new(parts("/ws", &[], None))).await.unwrap_err();
    assert_eq!((anonymous.reason, anonymous.refusal.status()), (Refused::Unauthorized, StatusCode::UNAUTHORIZED));
    let request = Arc::new(parts("/ws", &[("authorization", "Bearer ann")], None));
    let grant = guards.ask(&request).await.unwrap();
    assert_eq!((grant.identity.as_deref(), grant.extensions.get::<u8>()), (Some("ann"), Some(&7)));
    assert!(
        grant.rights.may_join(&room("lobby"))
            && !grant.rights.may_join(&room("vault"))
            && !grant.rights.may_publish(&room("lobby"))
    );
}

#[tokio::test(start_paused = true)]
async fn a_slow_hook_is_answered_503_after_10_s() {
    let guards = Guards::new().authorize(|_| pending::<Result<Grant, Refusal>>());
    let started = TokioInstant::now();
    let late = guards.ask(&Arc::new(parts("/ws", &[], None))).await.unwrap_err();
    assert_eq!((late.reason, late.refusal.status()), (Refused::Authorize, StatusCode::SERVICE_UNAVAILABLE));
    assert!((Duration::from_secs(10)..Duration::from_millis(10_010)).contains(&started.elapsed()));
}

#[tokio::test]
async fn a_hook_that_panics_is_answered_500() {
    let at_once = Guards::new().authorize(|request| {
        assert!(request.uri.path() == "/", "at once");
        async { Ok(Grant::new()) }
    });
    let later = Guards::new().authorize(|_| async {
        tokio::task::yield_now().await;
        panic!("later")
    });
    for guards in [at_once, later] {
        let failed = guards.ask(&Arc::new(parts("/ws", &[], None))).await.unwrap_err();
        assert_eq!((failed.reason, failed.refusal.status()), (Refused::Authorize, StatusCode::INTERNAL_SERVER_ERROR));
    }
}

#[test]
fn a_target_of_8_kib_passes_and_a_longer_one_is_414() {
    let checked = |len: usize| Guards::new().check(&parts(&format!("/{}", "a".repeat(len - 1)), &[], None));
    assert!(checked(8 << 10).is_ok());
    let turned = checked((8 << 10) + 1).unwrap_err();
    assert_eq!((turned.reason, turned.refusal.status()), (Refused::TooLarge, StatusCode::URI_TOO_LONG));
}

#[test]
fn posts_are_counted_by_address() {
    let guards = |trust| Guards::new().trust_forwarded(trust).post_rate(RateLimit::new().messages(1, 2));
    let now = Instant::now();
    let from = |forwarded: &str| parts("/rooms/a", &[("x-forwarded-for", forwarded)], peer(false));
    let distrusting = guards(false);
    assert!(distrusting.take_post(&from("10.0.0.1"), 1, now).is_ok());
    assert!(distrusting.take_post(&from("10.0.0.2"), 1, now).is_ok());
    let turned = distrusting.take_post(&from("10.0.0.3"), 1, now).unwrap_err();
    assert_eq!((turned.reason, turned.refusal.status()), (Refused::Rate, StatusCode::TOO_MANY_REQUESTS));
    assert_eq!(turned.refusal.headers()[RETRY_AFTER], "1");
    // The proxy's own word is the last; what stands before it is the client's.
    let trusting = guards(true);
    let taken = |forwarded| trusting.take_post(&from(forwarded), 1, now).is_ok();
    assert!(taken("10.0.0.1") && taken("10.0.0.9, 10.0.0.1") && !taken("10.0.0.8, 10.0.0.1") && taken("10.0.0.2"));
}
