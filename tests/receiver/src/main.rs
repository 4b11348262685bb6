//! A webhook receiver that misbehaves as told; the README says how to use it.

mod http;
mod play;
mod records;
mod scenario;

use std::{
    error::Error,
    fs,
    io::{self, Read as _, Write as _},
    net::Ipv4Addr,
    process,
    sync::Arc,
};

use tokio::net::{TcpListener, TcpStream};

use crate::{http::Connection, records::Records, scenario::Scenarios};

struct Receiver {
    scenarios: Scenarios,
    records: Records,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::from_args()?;
    let receiver = Arc::new(Receiver { scenarios: options.scenarios, records: Records::default() });
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)).await?;
    writeln!(io::stdout(), r#"{{"port":{}}}"#, listener.local_addr()?.port())?;
    end_with_stdin();
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(serve(Arc::clone(&receiver), stream));
    }
}

/// Answers requests until either side closes; a peer's fault ends its own connection only.
async fn serve(receiver: Arc<Receiver>, stream: TcpStream) {
    let mut connection = Connection::new(stream, receiver.records.number_connection());
    while let Ok(Some(request)) = connection.read_request().await {
        match receiver.answer(&mut connection, request).await {
            Ok(true) => {}
            Ok(false) | Err(_) => break,
        }
    }
}

impl Receiver {
    /// Answers one request; says whether the connection stays open.
    async fn answer(&self, connection: &mut Connection, request: http::Request) -> io::Result<bool> {
        let path = request.path.split('?').next().unwrap_or_default().to_owned();
        let parts: Vec<&str> = path.split('/').skip(1).collect();
        match (request.method.as_str(), parts.as_slice()) {
            ("GET", ["records", run]) => connection.write_json(200, &self.records.of_run(run)).await,
            ("GET", ["sink"]) => connection.write_json(200, &self.records.sunk()).await,
            (_, ["sink", ..]) => {
                self.records.sink();
                connection.write_empty(204).await
            }
            (_, ["s", scenario, run, ..]) => match self.scenarios.steps(scenario) {
                Some(steps) => {
                    let step = self.records.add(run, connection.number(), request, steps.len());
                    play::play(&steps[step], connection).await
                }
                None => connection.write_json(404, &format!("no scenario {scenario:?}")).await,
            },
            _ => connection.write_json(404, &"the README lists the paths").await,
        }
    }
}

struct Options {
    port: u16,
    scenarios: Scenarios,
}

impl Options {
    fn from_args() -> Result<Self, Box<dyn Error>> {
        let mut options = Self { port: 0, scenarios: Scenarios::default() };
        let mut args = std::env::args().skip(1);
        while let Some(name) = args.next() {
            let value = args.next().ok_or_else(|| format!("{name} needs a value"))?;
            match name.as_str() {
                "--port" => options.port = value.parse()?,
                "--scenarios" => options.scenarios = serde_json::from_str(&fs::read_to_string(&value)?)?,
                _ => return Err(format!("there is no option {name}").into()),
            }
        }
        options.scenarios.check()?;
        Ok(options)
    }
}

/// Ends this process with its parent: the pipe to standard input closes in both cases.
fn end_with_stdin() {
    std::thread::spawn(|| {
        let mut stdin = io::stdin().lock();
        while matches!(stdin.read(&mut [0; 64]), Ok(1..)) {}
        process::exit(0);
    });
}
