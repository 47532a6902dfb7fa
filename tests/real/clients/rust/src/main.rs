//! Sends requests as the words say, COUNT SECONDS or at-once COUNT, and prints a line for each.

use std::time::Duration;

use futures::future::join_all;
use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;
use kube::{Api, Client, Error};

async fn line(pods: &Api<Pod>) -> String {
    match pods.list(&ListParams::default()).await {
        Ok(_) => "200".to_string(),
        Err(Error::Api(status)) => status.code.to_string(),
        Err(failure) => format!("error: {failure}").replace('\n', " "),
    }
}

#[tokio::main]
async fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let client = match Client::try_default().await {
        Ok(client) => client,
        Err(failure) => {
            println!("{}", format!("error: {failure}").replace('\n', " "));
            return;
        }
    };
    let pods: Api<Pod> = Api::namespaced(client, "default");
    if words[0] == "at-once" {
        let count: usize = words[1].parse().unwrap();
        for answer in join_all((0..count).map(|_| line(&pods))).await {
            println!("{answer}");
        }
        return;
    }
    for _ in 0..words[0].parse::<usize>().unwrap() {
        println!("{}", line(&pods).await);
        tokio::time::sleep(Duration::from_secs_f64(words[1].parse().unwrap())).await;
    }
}
