//! A webhook receiver that misbehaves as told; the README says how to use it.

mod http;
mod play;
mod records;
mod scenario;
mod tls;

use std::{
    collections::BTreeMap,
    error::Error,
    fs,
    io::{self, Read as _, Write as _},
    net::Ipv4Addr,
    process,
    sync::Arc,
};

use tokio::net::TcpListener;

use crate::{
    http::{Connection, Stream},
    records::Records,
    scenario::Scenarios,
    tls::{Port, Ports},
};

const PEM: &str = "application/x-pem-file";

struct Receiver {
    scenarios: Scenarios,
    records: Records,
    /// The root certificate of the TLS ports, as PEM.
    root: String,
    /// A certificate of that root and its private key, as one PEM text.
    identity: String,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::from_args()?;
    let ports = Ports::new()?;
    let receiver = Arc::new(Receiver {
        scenarios: options.scenarios,
        records: Records::default(),
        root: ports.root,
        identity: ports.identity,
    });
    let mut tls = BTreeMap::new();
    for (name, port) in ports.all {
        let listener = Port::bind().await?;
        tls.insert(name, listener.local_addr()?.port());
        tokio::spawn(listen_for_tls(Arc::clone(&receiver), listener, port));
    }
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)).await?;
    let ready = serde_json::json!({"port": listener.local_addr()?.port(), "tls": tls});
    writeln!(io::stdout(), "{ready}")?;
    end_with_stdin();
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(serve(Arc::clone(&receiver), stream));
    }
}

async fn listen_for_tls(receiver: Arc<Receiver>, listener: TcpListener, port: Port) {
    while let Ok((stream, _)) = listener.accept().await {
        let (receiver, port) = (Arc::clone(&receiver), port.clone());
        tokio::spawn(async move {
            if let Ok(stream) = port.accept(stream).await {
                serve(receiver, stream).await;
            }
        });
    }
}

/// Answers requests until either side closes; a peer's fault ends its own connection only.
async fn serve(receiver: Arc<Receiver>, stream: impl Stream + 'static) {
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
            ("GET", ["root.pem"]) => connection.write_whole(200, PEM, self.root.as_bytes()).await,
            ("GET", ["identity.pem"]) => connection.write_whole(200, PEM, self.identity.as_bytes()).await,
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
