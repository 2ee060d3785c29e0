//! What a client makes of one message, from the options to the lease (RFC 2131 §4.1, RFC 2132, RFC 3396).

mod reading;
mod values;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use dhcp_client::{
    Action, Answer, Client, Config, ConflictDetection, DEFAULT_PARAMETERS, Event, Instant, Lease,
    Start, Trouble,
};
use dhcproto::v4::{self, DhcpOption, OptionCode};
use dhcproto::{Decodable, Decoder, Encodable, Encoder};

use crate::routes::check_plan;
use reading::{Options, contents};

/// Gives the input as a message to a client that asked for an address, and to one that looks for servers.
pub fn dhcp_reply(data: &[u8]) {
    let (client, actions, payload) = told(Start::Address(ADDRESS), data);
    let (received, ignored) = (client.received(), client.ignored());
    let counted = received.values().sum::<u32>() + ignored.values().sum::<u32>();
    assert_eq!(
        counted, 1,
        "a message counts once: {received:?} {ignored:?}"
    );
    match client.lease() {
        Some(lease) => {
            assert_eq!(actions, [Action::Bind(lease.clone())]);
            check_lease(lease, &payload);
        }
        None => assert!(!received.contains_key(&Answer::Ack)),
    }
    if let Some(Trouble::Refused {
        message: Some(message),
        ..
    }) = client.trouble()
    {
        assert!(message.chars().count() <= 80, "{message}");
        assert_eq!(format!("{message:?}"), format!("\"{message}\""));
    }
    let (client, actions, payload) = told(Start::Fresh, data);
    if client.received().contains_key(&Answer::Offer) {
        check_request(&actions, &payload);
    } else {
        assert_eq!(actions, []);
    }
}

/// Starts a client that sends a first message, and hands it `data` as the answer.
fn told(start: Start, data: &[u8]) -> (Client, Vec<Action>, Vec<u8>) {
    let config = Config {
        client_id: Some(CLIENT_ID.to_vec()),
        conflict: ConflictDetection::Off,
        start,
        ..Config::new(MAC)
    };
    let (mut client, actions) = Client::new(config, 7, NOW);
    let [Action::Send(first)] = &actions[..] else {
        panic!("one message first: {actions:?}");
    };
    let mut payload = data.to_vec();
    if let Some(xid) = payload.get_mut(XID) {
        xid.copy_from_slice(&first.message[XID]);
    }
    let actions = client.step(Event::Received { payload: &payload }, NOW);
    (client, actions, payload)
}

fn check_lease(lease: &Lease, payload: &[u8]) {
    assert_eq!(lease.address.octets(), payload[YIADDR]);
    assert_eq!(lease.acquired_at, NOW);
    let options = contents(payload);
    let kept = BTreeMap::from(lease.options.clone());
    assert_eq!(kept, options.values, "the options");
    values::check(lease, &options);
    check_plan(lease);
    let again = told(Start::Address(ADDRESS), &rewritten(lease)).0;
    let again = again.lease().expect("a lease written down is one");
    let mut without_overload = lease.clone();
    let mut kept = kept;
    kept.remove(&u8::from(OptionCode::OptionOverload));
    without_overload.options = kept.into();
    assert_eq!(*again, without_overload);
    if options.ended {
        let more = [payload, &[1, 1, 1, 53, 1, 6]].concat();
        let more = told(Start::Address(ADDRESS), &more).0;
        assert_eq!(
            more.lease(),
            Some(lease),
            "what follows the end does not count"
        );
    }
}

/// Writes the ACK that means `lease` with dhcproto's encoder, in the options field alone.
fn rewritten(lease: &Lease) -> Vec<u8> {
    let zero = Ipv4Addr::UNSPECIFIED;
    let mut message = v4::Message::new_with_id(0, zero, lease.address, zero, zero, &MAC);
    message.set_opcode(v4::Opcode::BootReply);
    let mut bytes = Vec::new();
    message
        .encode(&mut Encoder::new(&mut bytes))
        .expect("a vector takes it");
    bytes.truncate(OPTIONS);
    let mut field = Vec::new();
    let mut encoder = Encoder::new(&mut field);
    for (code, value) in lease.options.iter() {
        let code = OptionCode::from(code);
        let written = match value {
            _ if code == OptionCode::OptionOverload => Ok(()),
            [] => encoder.write_slice(&[code.into(), 0]),
            value => v4::encode_long_opt_bytes(code, value, &mut encoder),
        };
        written.expect("a vector takes it");
    }
    encoder
        .write_u8(OptionCode::End.into())
        .expect("a vector takes it");
    bytes.extend(field);
    bytes
}

/// An offer is answered by a REQUEST for what it offers, and nothing else.
fn check_request(actions: &[Action], payload: &[u8]) {
    let [Action::Send(request)] = actions else {
        panic!("one REQUEST: {actions:?}");
    };
    let request =
        v4::Message::decode(&mut Decoder::new(&request.message)).expect("our own message");
    assert_eq!(request.xid().to_be_bytes(), payload[XID]);
    let address = DhcpOption::RequestedIpAddress(
        <[u8; 4]>::try_from(&payload[YIADDR])
            .expect("four bytes")
            .into(),
    );
    assert_eq!(
        request.opts().get(OptionCode::RequestedIpAddress),
        Some(&address)
    );
    let options: Options = contents(payload);
    let server = options.values[&OptionCode::ServerIdentifier.into()][..4].to_vec();
    let Some(DhcpOption::ServerIdentifier(chosen)) =
        request.opts().get(OptionCode::ServerIdentifier)
    else {
        panic!("no server: {request:?}");
    };
    assert_eq!(chosen.octets(), server[..]);
    let wishes = DEFAULT_PARAMETERS.map(OptionCode::from).to_vec();
    assert_eq!(
        request.opts().get(OptionCode::ParameterRequestList),
        Some(&DhcpOption::ParameterRequestList(wishes))
    );
}

const MAC: [u8; 6] = [2, 0, 0, 0, 0, 7];
const CLIENT_ID: &[u8] = b"\0id";
const ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 7);
const NOW: Instant = Instant::from_boot(Duration::from_secs(1000));

const XID: std::ops::Range<usize> = 4..8;
const YIADDR: std::ops::Range<usize> = 16..20;
const OPTIONS: usize = 240;
