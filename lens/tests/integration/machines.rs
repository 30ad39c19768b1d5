//! Hosts and containers, from what an agent and a program send through the Collector to the API and to the page.

use fantoccini::Locator;
use reqwest::StatusCode;
use serde_json::Value;

use crate::ingest_metrics::snappy;
use crate::machines_sample::{CONTAINER_ID, HOST, MIB, OTHER_ID, TRACE, of_host, seeded};
use crate::support::TestLens;
use crate::webdriver::{console, with_browser};

/// Within a thousandth: times of samples are rounded to milliseconds.
fn near(value: &Value, expected: f64) {
    let close = value
        .as_f64()
        .is_some_and(|value| (value - expected).abs() <= expected.abs() * 1e-3);
    assert!(close, "got {value}, expected {expected}");
}

fn line<'a>(charts: &'a Value, chart: &str, line: &str) -> &'a Value {
    let by_name = |list: &'a Value, name: &str| {
        let mut list = list.as_array().unwrap().iter();
        list.find(|entry| entry["name"] == name)
            .unwrap_or_else(|| panic!("{name} is missing"))
    };
    &by_name(&by_name(charts, chart)["lines"], line)["points"]
}

fn last_value(points: &Value) -> &Value {
    &points.as_array().unwrap().last().unwrap()["value"]
}

#[tokio::test]
async fn a_host_shows_what_its_agent_measured() {
    let seeded = seeded().await;
    let hosts = seeded.ok("/api/hosts").await;
    assert_eq!(hosts["hosts"].as_array().unwrap().len(), 1);
    let host = seeded.ok(&format!("/api/hosts/{HOST}")).await;
    for of in [&hosts["hosts"][0], &host] {
        assert_eq!(of["name"], HOST);
        assert_eq!(of["containers"], 2);
        near(&of["cpus"], 2.0);
        near(&of["cpu_ratio"], 0.3);
        near(&of["load_average_1m"], 1.5);
        near(&of["memory_used_bytes"], 3_072.0 * MIB);
        near(&of["memory_limit_bytes"], 8_192.0 * MIB);
        near(&of["network_receive_bytes_per_second"], MIB);
        near(&of["network_transmit_bytes_per_second"], 2.0 * MIB);
        near(&of["uptime_seconds"], 86_700.0);
    }
    let charts = &host["charts"];
    for (mode, share) in [("user", 0.2), ("system", 0.1), ("iowait", 0.05)] {
        near(last_value(line(charts, "cpu", mode)), share);
    }
    // The agent started in the range, the kernel's counters long before: no step has what they counted until then.
    let user = line(charts, "cpu", "user").as_array().unwrap();
    assert!(
        (8..=10).contains(&user.len()),
        "five minutes in steps of 30 s: {user:?}"
    );
    for point in user {
        near(&point["value"], 0.2);
    }
    near(last_value(line(charts, "memory", "cached")), 2_048.0 * MIB);
    near(last_value(line(charts, "load", "1m")), 1.5);
    near(last_value(line(charts, "pressure", "io")), 0.2);
    near(last_value(line(charts, "paging", "swapped out")), 4.0);
    near(last_value(line(charts, "paging", "major faults")), 3.0);
    near(last_value(line(charts, "network", "transmit")), 2.0 * MIB);
    near(last_value(line(charts, "disk", "write")), 2.0 * MIB);

    let filesystem = &host["filesystems"][0];
    assert_eq!(filesystem["mountpoint"], "/");
    assert_eq!(
        (&filesystem["device"], &filesystem["type"]),
        (&"/dev/vda1".into(), &"ext4".into())
    );
    near(&filesystem["used_bytes"], 30.0 * 1_024.0 * MIB);
    near(&filesystem["limit_bytes"], 40.0 * 1_024.0 * MIB);
    assert_eq!(host["disks"][0]["name"], "vda");
    near(&host["disks"][0]["read_bytes_per_second"], MIB);
    near(&host["disks"][0]["busy_ratio"], 0.4);
    assert_eq!(host["interfaces"][1]["name"], "lo");
    near(
        &host["interfaces"][1]["receive_bytes_per_second"],
        100.0 * MIB,
    );
}

#[tokio::test]
async fn a_container_is_one_whatever_tells_of_it() {
    let seeded = seeded().await;
    let containers = seeded.ok("/api/containers").await;
    let containers = containers["containers"].as_array().unwrap();
    let names: Vec<_> = containers.iter().map(|c| (&c["name"], &c["id"])).collect();
    assert_eq!(
        names,
        [
            (&"shop-auth-1".into(), &CONTAINER_ID.into()),
            (&"shop-db-1".into(), &OTHER_ID.into())
        ]
    );
    near(&containers[1]["cpu"], 0.2);

    // By its id, an abbreviation of it, or its name.
    for asked in [CONTAINER_ID, &CONTAINER_ID[..12], "shop-auth-1"] {
        let container = seeded.ok(&format!("/api/containers/{asked}")).await;
        assert_eq!(container["id"], CONTAINER_ID, "{asked}");
        assert_eq!(container["image"], "registry/auth:1.2");
        assert_eq!(container["compose_project"], "shop");
        assert_eq!(container["compose_service"], "auth");
        assert_eq!(container["host"], HOST);
        near(&container["cpu"], 0.7);
        near(&container["memory_bytes"], 256.0 * MIB);
        near(&container["memory_limit_bytes"], 512.0 * MIB);
        near(&container["network_receive_bytes_per_second"], MIB);
        near(&container["disk_write_bytes_per_second"], 2.0 * MIB);
        near(&container["uptime_seconds"], 900.0);
        near(&container["throttled_seconds_per_second"], 0.2);
        near(&container["pids"], 12.0);
        near(last_value(line(&container["charts"], "cpu", "user")), 0.5);
        near(
            last_value(line(&container["charts"], "memory", "usage")),
            256.0 * MIB,
        );
    }

    let of_host = seeded.ok(&format!("/api/containers?host={HOST}")).await;
    assert_eq!(of_host["containers"].as_array().unwrap().len(), 2);
    let elsewhere = seeded.ok("/api/containers?host=node-2").await;
    assert_eq!(elsewhere["containers"].as_array().unwrap().len(), 0);
}

#[tokio::test]
async fn logs_are_found_by_host_container_and_file() {
    let seeded = seeded().await;
    let bodies = async |query: &str| -> Vec<String> {
        let found = seeded.ok(&format!("/api/logs?{query}")).await;
        let logs = found["logs"].as_array().unwrap().iter();
        logs.map(|log| log["body"].as_str().unwrap().to_owned())
            .collect()
    };
    let of_auth = ["login ok", "listening"];
    assert_eq!(bodies(&format!("container={CONTAINER_ID}")).await, of_auth);
    assert_eq!(
        bodies(&format!("container={}", &CONTAINER_ID[..12])).await,
        of_auth
    );
    assert_eq!(bodies("container=shop-auth-1").await, of_auth);
    assert_eq!(bodies("container=shop").await, [""; 0]);
    assert_eq!(
        bodies("file=/var/log/shop-db-1.log").await,
        ["checkpoint done"]
    );
    assert_eq!(bodies("file=shop-db-1.log").await, ["checkpoint done"]);
    assert_eq!(bodies(&format!("host={HOST}")).await.len(), 3);
    assert_eq!(bodies("host=node-2").await.len(), 0);
    assert_eq!(
        bodies(&format!("host={HOST}&container=shop-db-1&q=check"))
            .await
            .len(),
        1
    );
}

#[tokio::test]
async fn what_nothing_is_known_of_is_not_found() {
    let seeded = seeded().await;
    for (path, code) in [
        ("/api/hosts/node-2", "unknown_host"),
        ("/api/containers/shop", "unknown_container"),
        ("/hosts/node-2", "Not found"),
        ("/containers/4f2a9c0b71d", "Not found"),
    ] {
        let (status, body) = seeded.get(path).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
        assert!(body.contains(code), "{path}: {body}");
    }
}

#[tokio::test]
async fn without_an_agent_the_pages_say_how_to_start_one() {
    let lens = TestLens::start().await;
    for path in ["/hosts", "/containers"] {
        let address = format!("http://{}{path}", lens.lens.page);
        let body = reqwest::get(address).await.unwrap().text().await.unwrap();
        assert!(body.contains("trivium-agent run --config"), "{path}");
    }
}

#[tokio::test]
async fn where_an_agent_found_no_container_nobody_is_told_to_start_one() {
    let lens = TestLens::start().await;
    let answer = lens
        .post("/api/v1/write", Some("snappy"), snappy(of_host()))
        .await;
    assert_eq!(answer.status(), 204);
    let page = async |path: &str| {
        let address = format!("http://{}{path}", lens.lens.page);
        reqwest::get(address).await.unwrap().text().await.unwrap()
    };
    for path in ["/containers", &format!("/containers?host={HOST}")] {
        let body = page(path).await;
        assert!(body.contains("No container ran in this range"), "{path}");
        assert!(!body.contains("trivium-agent run"), "{path}");
    }
    let body = page("/containers?host=node-2").await;
    assert!(body.contains("trivium-agent run --config"), "{body}");
}

#[tokio::test(flavor = "multi_thread")]
async fn from_a_span_to_the_container_it_ran_in_and_on_to_its_host() {
    let seeded = seeded().await;
    let origin = format!("http://{}", seeded.lens.lens.page);
    let span_ms = seeded.span_ms;
    with_browser(async move |client| {
        let find = async |selector: &str| {
            let element = client.wait().for_element(Locator::Css(selector)).await;
            element.unwrap_or_else(|error| panic!("{selector}: {error}"))
        };
        client
            .goto(&format!("{origin}/traces/{TRACE}"))
            .await
            .unwrap();
        find("[data-testid=span-container]")
            .await
            .click()
            .await
            .unwrap();

        // The container, around the span.
        let name = find("[data-testid=container-name]")
            .await
            .text()
            .await
            .unwrap();
        assert_eq!(name, "shop-auth-1");
        let url = client.current_url().await.unwrap();
        let at = jiff::Timestamp::from_millisecond(span_ms).unwrap();
        assert_eq!(url.path(), format!("/containers/{}", &CONTAINER_ID[..12]));
        assert_eq!(url.query(), Some(format!("at={at}").as_str()));
        assert!(
            find("[data-testid=memory]")
                .await
                .text()
                .await
                .unwrap()
                .contains("256 MiB")
        );
        assert_eq!(
            find("[data-testid=cpu]").await.text().await.unwrap(),
            "0.70"
        );
        find("[data-testid=chart-cpu] [data-testid=marked]").await;
        let logs = client
            .find_all(Locator::Css("[data-testid=log]"))
            .await
            .unwrap();
        assert_eq!(
            logs.len(),
            2,
            "its own records, not those of the other container"
        );
        assert_eq!(console(&client).await.unwrap(), [""; 0]);

        // All its records, and from one of them back to the container.
        find("[data-testid=container-logs]")
            .await
            .click()
            .await
            .unwrap();
        find("[data-testid=log] summary")
            .await
            .click()
            .await
            .unwrap();
        let back = find("[data-testid=log] .facts a[href^='/containers/']").await;
        assert_eq!(back.text().await.unwrap(), "shop-auth-1");
        back.click().await.unwrap();

        // The host at that time.
        find("[data-testid=container-host]")
            .await
            .click()
            .await
            .unwrap();
        assert_eq!(find("h1").await.text().await.unwrap(), HOST);
        assert_eq!(
            find("[data-testid=cpu]").await.text().await.unwrap(),
            "30.0 %"
        );
        find("[data-testid=chart-memory] [data-testid=marked]").await;
        let containers = client
            .find_all(Locator::Css("[data-testid=container]"))
            .await
            .unwrap();
        assert_eq!(containers.len(), 2);
        assert_eq!(console(&client).await.unwrap(), [""; 0]);
    })
    .await;
}
