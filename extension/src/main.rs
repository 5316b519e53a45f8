use hyper::body::Bytes; use http_body_util::{Full,BodyExt}; use serde_json::{Value,json};
async fn ddb(op:&str, mut body:Value)->(u16,Value){
 body["TableName"]=json!("locks");
 let url=std::env::var("AWS_ENDPOINT_URL_DYNAMODB").unwrap(); let a=url.trim_start_matches("http://").to_owned();
 let s=tokio::net::TcpStream::connect(&a).await.unwrap();
 let (mut tx,c)=hyper::client::conn::http1::handshake(hyper_util::rt::TokioIo::new(s)).await.unwrap(); tokio::spawn(c);
 let r=tx.send_request(hyper::Request::post("/").header("host",a).header("x-amz-target",format!("DynamoDB_20120810.{op}")).body(Full::new(Bytes::from(body.to_string()))).unwrap()).await.unwrap();
 let st=r.status().as_u16(); let b=r.into_body().collect().await.unwrap().to_bytes();
 (st,serde_json::from_slice(&b).unwrap_or_default())
}
fn row()->Value{json!({"id":{"S":"42"},"group":{"S":"default"}})}
async fn del(e:&str){ ddb("UpdateItem",json!({"Key":row(),"UpdateExpression":"DELETE q :e","ExpressionAttributeValues":{":e":{"SS":[e]}},"ReturnValues":"ALL_NEW"})).await; }
fn dir()->std::path::PathBuf{std::env::var("LOCKS_JOURNAL_DIR").unwrap().into()}
use lambda_extension::{service_fn, Error, Extension, LambdaEvent, NextEvent};
#[tokio::main] async fn main() -> Result<(), Error> { tracing_subscriber::fmt().json().init();
 Extension::new().with_events(&["SHUTDOWN"]).with_events_processor(service_fn(|e: LambdaEvent| async move { if let NextEvent::Shutdown(_) = e.next {
  for f in std::fs::read_dir(dir()).unwrap() { let f=f.unwrap(); let e=f.file_name().into_string().unwrap(); del(&e).await; std::fs::remove_file(f.path()).unwrap(); tracing::info!(key="42",fence=e[..16].parse::<u64>().unwrap(),how="abandoned","entry given back"); }
  std::process::exit(0) } Ok::<(),Error>(()) })).run().await }
