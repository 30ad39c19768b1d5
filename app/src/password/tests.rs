//! Only the right password gets in, and the bounds hold.

use std::sync::mpsc;

use super::*;

const ONE_CORE: NonZero<usize> = NonZero::<usize>::MIN;

fn hasher(queue_limit: Duration) -> Hasher {
    Hasher::new(CHEAPEST_COST, ONE_CORE, queue_limit).unwrap()
}

#[test]
fn a_password_has_8_characters_to_71_bytes_and_no_nul() {
    let check = |password: &str| NewPassword::parse(password.to_owned()).err();
    assert_eq!(check(&"x".repeat(7)), Some(PasswordError::Length));
    assert_eq!(check(&"é".repeat(7)), Some(PasswordError::Length));
    assert_eq!(check(&"qx".repeat(4)), None);
    assert_eq!(check(&"x".repeat(71)), None);
    assert_eq!(check(&"x".repeat(72)), Some(PasswordError::Length));
    assert_eq!(
        check(&"é".repeat(36)),
        Some(PasswordError::Length),
        "36 characters are 72 bytes"
    );
    assert_eq!(check("12345678\0"), Some(PasswordError::Nul));
    assert_eq!(check("Iloveyou1"), Some(PasswordError::Common));
}

#[tokio::test]
async fn a_hash_of_a_lower_cost_is_replaced_and_no_other() {
    let of_cost = |cost| Hasher::new(cost, ONE_CORE, Duration::from_secs(5)).unwrap();
    let password = || SecretString::from("correct horse battery");
    let old = of_cost(4).hash_at_cost(password()).await.unwrap();
    let new = of_cost(5).rehash(password(), &old).await.unwrap().unwrap();
    assert!(new.starts_with("$2b$05$"), "{new}");
    assert!(
        of_cost(4)
            .verify(password(), Some(new.clone()))
            .await
            .unwrap()
    );
    for cost in [4, 5] {
        assert_eq!(of_cost(cost).rehash(password(), &new).await.unwrap(), None);
    }
}

#[tokio::test]
async fn only_the_right_password_verifies() {
    let hasher = hasher(Duration::from_secs(5));
    let password = "x".repeat(71);
    let hash = hasher
        .hash(NewPassword::parse(password.clone()).unwrap())
        .await
        .unwrap();
    assert!(hash.starts_with("$2b$04$"), "{hash}");
    let verify = async |password: String, hash: Option<&String>| {
        hasher.verify(password.into(), hash.cloned()).await.unwrap()
    };

    assert!(verify(password.clone(), Some(&hash)).await);
    assert!(!verify(password.clone(), None).await);
    assert!(!verify("x".repeat(70), Some(&hash)).await);
    assert!(!verify("x".repeat(72), Some(&hash)).await);
    assert!(
        !verify(format!("{password}\0"), Some(&hash)).await,
        "bcrypt alone would accept this"
    );
}

#[test]
fn the_decoy_claims_the_configured_cost() {
    let decoy: bcrypt::HashParts = decoy(11).unwrap().parse().unwrap();
    assert_eq!(decoy.get_cost(), 11);
}

#[tokio::test]
async fn who_waits_too_long_for_a_core_is_refused() {
    let mut hasher = hasher(Duration::from_millis(20));
    let (release, held) = mpsc::channel::<()>();
    let busy = hasher.cores.submit(move || held.recv());
    busy.started.await.unwrap();
    let refused = hasher.verify("whatever".into(), None).await;
    assert!(
        matches!(refused, Err(HashError::QueueTimeout(limit)) if limit == Duration::from_millis(20))
    );

    drop(release);
    hasher.queue_limit = Duration::from_secs(5);
    assert!(
        !hasher.verify("whatever".into(), None).await.unwrap(),
        "a free core serves again"
    );
}
