//! The truth about each connection, one JSON object a line, in the order of first frames.

use crate::flow::Truth;
use crate::wire::Address;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::net::IpAddr;

fn ip(address: Address) -> IpAddr {
    match address {
        Address::V4(a) => IpAddr::from(a),
        Address::V6(a) => IpAddr::from(a),
    }
}

/// Writes `truths` to `path`, with finwait's own column names.
pub fn write(path: &str, truths: &[Truth]) -> io::Result<()> {
    let mut out = BufWriter::new(File::create(path)?);
    for (conn, t) in truths.iter().enumerate() {
        let scope = t
            .tuple
            .vlan
            .map_or_else(|| "null".to_string(), |v| format!("\"vlan:{v}\""));
        writeln!(
            out,
            concat!(
                "{{\"conn\": {}, \"client_ip\": \"{}\", \"client_port\": {}, ",
                "\"server_ip\": \"{}\", \"server_port\": {}, \"scope\": {}, ",
                "\"close\": \"{}\", \"closed_by\": \"{}\", \"first_frame\": {}, ",
                "\"client_packets\": {}, \"server_packets\": {}, ",
                "\"client_bytes\": {}, \"server_bytes\": {}}}"
            ),
            conn,
            ip(t.tuple.address[0]),
            t.tuple.port[0],
            ip(t.tuple.address[1]),
            t.tuple.port[1],
            scope,
            t.close,
            t.closed_by,
            t.first_frame,
            t.packets[0],
            t.packets[1],
            t.bytes[0],
            t.bytes[1],
        )?;
    }
    out.flush()
}
