//! The language of the timelines: what the client does is text, when it does it is checked on both
//! sides of each deadline, and every message it sends is read by another decoder than its own.

use std::net::Ipv4Addr;
use std::ops::RangeInclusive;
use std::time::Duration;

use dhcp_client::{Action, Client, Config, Destination, Event, Instant, ProbeOutcome, State};
use dhcproto::v4::{DhcpOption, Message, MessageType, OptionCode};
use dhcproto::{Decodable, Decoder};

pub(crate) const MAC: [u8; 6] = [2, 0, 0, 0, 0, 7];
pub(crate) const OTHER_MAC: [u8; 6] = [2, 0, 0, 0, 0, 9];
pub(crate) const ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 7);
pub(crate) const SERVER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
pub(crate) const OTHER_SERVER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);
pub(crate) const MASK: [u8; 4] = [255, 255, 255, 0];

/// A client without conflict detection, which has timelines of its own.
pub(crate) fn config() -> Config {
    Config {
        client_id: Some(b"\0id".to_vec()),
        conflict: dhcp_client::ConflictDetection::Off,
        ..Config::new(MAC)
    }
}

pub(crate) fn instant(seconds: f64) -> Instant {
    Instant::from_boot(Duration::from_secs(1000) + Duration::from_secs_f64(seconds))
}

pub(crate) struct Timeline {
    pub(crate) client: Client,
    start: Instant,
    now: Instant,
    done: Vec<String>,
    last_sent: Option<Message>,
    pub(crate) last_actions: Vec<Action>,
}

impl Timeline {
    /// Starts a client and expects what it does at once.
    #[track_caller]
    pub(crate) fn start(config: Config, expected: &[&str]) -> Self {
        let now = instant(0.0);
        let (client, actions) = Client::new(config, 7, now);
        let mut timeline = Self {
            client,
            start: now,
            now,
            done: Vec::new(),
            last_sent: None,
            last_actions: Vec::new(),
        };
        timeline.expect(actions, expected);
        timeline
    }

    /// Starts a client that goes straight to BOUND on `ack`.
    #[track_caller]
    pub(crate) fn bound(ack: Reply) -> Self {
        let mut timeline = Self::start(config(), &["DISCOVER"]);
        timeline.gets(offer(), &["SELECT 192.0.2.7 of 192.0.2.1"]);
        timeline.gets(ack, &["BIND 192.0.2.7/24"]);
        assert_eq!(timeline.client.state(), State::Bound);
        timeline
    }

    /// Expects the next deadline within `seconds` of the start, nothing before, and this at it.
    #[track_caller]
    pub(crate) fn at(&mut self, seconds: RangeInclusive<f64>, expected: &[&str]) {
        let deadline = self.client.deadline().expect("a deadline");
        let (from, to) = (instant(*seconds.start()), instant(*seconds.end()));
        assert!(
            from <= deadline && deadline <= to,
            "deadline at {:.3} s, not within {seconds:?}; so far {:#?}",
            self.seconds(deadline),
            self.done
        );
        let (_, seen) = self.next();
        assert_eq!(
            seen,
            expected,
            "at {:.3} s after {:#?}",
            self.seconds(deadline),
            self.done
        );
    }

    /// Goes to the next deadline, expects nothing before it, and returns when it was and what was
    /// done at it.
    #[track_caller]
    pub(crate) fn next(&mut self) -> (f64, Vec<String>) {
        let deadline = self.client.deadline().expect("a deadline");
        let just_before = deadline - Duration::from_nanos(1);
        if self.now < just_before {
            self.now = just_before;
            let actions = self.client.step(Event::Deadline, self.now);
            self.expect(actions, &[]);
        }
        self.now = deadline;
        let actions = self.client.step(Event::Deadline, self.now);
        (self.seconds(deadline), self.note(actions))
    }

    /// Lets time go by until `seconds` after the start and expects nothing to happen.
    #[track_caller]
    pub(crate) fn silent_until(&mut self, seconds: f64) {
        assert!(
            self.client
                .deadline()
                .is_none_or(|deadline| instant(seconds) < deadline),
            "deadline at {:.3} s, before {seconds} s",
            self.client
                .deadline()
                .map_or(0.0, |deadline| self.seconds(deadline))
        );
        self.wakes_at(seconds, &[]);
    }

    /// Steps at `seconds` after the start whatever deadlines have passed, as after a suspend.
    #[track_caller]
    pub(crate) fn wakes_at(&mut self, seconds: f64, expected: &[&str]) {
        self.now = self.now.max(instant(seconds));
        let actions = self.client.step(Event::Deadline, self.now);
        self.expect(actions, expected);
    }

    /// Delivers `reply` to the last message sent.
    #[track_caller]
    #[expect(
        clippy::needless_pass_by_value,
        reason = "replies are written where they are sent"
    )]
    pub(crate) fn gets(&mut self, reply: Reply, expected: &[&str]) {
        let payload = self.payload(&reply);
        self.gets_raw(&payload, expected);
    }

    #[track_caller]
    pub(crate) fn gets_raw(&mut self, payload: &[u8], expected: &[&str]) {
        let actions = self.client.step(Event::Received { payload }, self.now);
        self.expect(actions, expected);
    }

    #[track_caller]
    pub(crate) fn event(&mut self, event: Event<'_>, expected: &[&str]) {
        let actions = self.client.step(event, self.now);
        self.expect(actions, expected);
    }

    #[track_caller]
    pub(crate) fn probe_clear(&mut self, expected: &[&str]) {
        let outcome = ProbeOutcome::Clear;
        self.event(
            Event::ProbeResult {
                address: ADDRESS,
                outcome,
            },
            expected,
        );
    }

    #[track_caller]
    pub(crate) fn probe_conflict(&mut self, expected: &[&str]) {
        let outcome = ProbeOutcome::Conflict { with: OTHER_MAC };
        self.event(
            Event::ProbeResult {
                address: ADDRESS,
                outcome,
            },
            expected,
        );
    }

    /// The bytes of `reply` to the last message sent.
    pub(crate) fn payload(&self, reply: &Reply) -> Vec<u8> {
        reply.encode(self.last_sent.as_ref().map_or(0, Message::xid))
    }

    pub(crate) fn last_sent(&self) -> &Message {
        self.last_sent.as_ref().expect("a message was sent")
    }

    pub(crate) fn seconds(&self, at: Instant) -> f64 {
        at.duration_since(self.start).as_secs_f64()
    }

    #[track_caller]
    fn expect(&mut self, actions: Vec<Action>, expected: &[&str]) {
        let before = self.done.clone();
        let seen = self.note(actions);
        assert_eq!(
            seen,
            expected,
            "at {:.3} s after {before:#?}",
            self.seconds(self.now)
        );
    }

    #[track_caller]
    fn note(&mut self, actions: Vec<Action>) -> Vec<String> {
        let mut seen = Vec::new();
        for action in &actions {
            seen.push(self.describe(action));
        }
        if !seen.is_empty() {
            self.done.push(format!(
                "{:.3} s: {}",
                self.seconds(self.now),
                seen.join(", ")
            ));
        }
        self.last_actions = actions;
        let deadline = self.client.deadline();
        assert!(
            deadline.is_none_or(|deadline| self.now < deadline),
            "deadline has passed"
        );
        seen
    }

    fn describe(&mut self, action: &Action) -> String {
        match action {
            Action::Send(transmit) => {
                let message = decode(&transmit.message);
                let text = intent(&message, transmit.to);
                self.last_sent = Some(message);
                text
            }
            Action::Probe(probe) => {
                format!("PROBE {} {:?}", probe.address, probe.conclude_after)
            }
            Action::Bind(lease) => format!("BIND {}", lease.network()),
            Action::Update { old, new } => format!("UPDATE {} to {}", old.network(), new.network()),
            Action::Renewed(lease) => format!("RENEWED {}", lease.network()),
            Action::Unbind { lease, reason } => format!("UNBIND {}: {reason:?}", lease.address),
        }
    }
}

/// Reads a sent message with dhcproto's decoder, and checks what is the same in all of them.
pub(crate) fn decode(bytes: &[u8]) -> Message {
    assert!(bytes.len() >= 300, "{} bytes", bytes.len());
    assert_eq!(bytes[..4], [1, 1, 6, 0], "op, htype, hlen, hops");
    assert_eq!(bytes[28..34], MAC, "chaddr");
    assert_eq!(bytes[236..240], [99, 130, 83, 99], "cookie");
    assert_eq!(bytes[240..242], [53, 1], "the message type comes first");
    let message = Message::decode(&mut Decoder::new(bytes)).expect("decodes");
    assert_eq!((message.yiaddr(), message.siaddr()), (0.into(), 0.into()));
    message
}

/// Tells what a message is for from the fields that RFC 2131 gives it.
fn intent(message: &Message, to: Destination) -> String {
    let address = |code| match message.opts().get(code) {
        Some(DhcpOption::RequestedIpAddress(address) | DhcpOption::ServerIdentifier(address)) => {
            Some(*address)
        }
        None => None,
        other => panic!("{other:?}"),
    };
    let requested = address(OptionCode::RequestedIpAddress);
    let server = address(OptionCode::ServerIdentifier);
    let ciaddr = Some(message.ciaddr()).filter(|address| !address.is_unspecified());
    let flag = if message.flags().broadcast() {
        " +broadcast"
    } else {
        ""
    };
    let text = match (
        message.opts().msg_type().expect("a type"),
        ciaddr,
        requested,
        server,
        to,
    ) {
        (MessageType::Discover, None, None, None, Destination::Broadcast) => "DISCOVER".into(),
        (MessageType::Discover, None, Some(hint), None, Destination::Broadcast) => {
            format!("DISCOVER {hint}")
        }
        (MessageType::Request, None, Some(address), Some(server), Destination::Broadcast) => {
            format!("SELECT {address} of {server}")
        }
        (MessageType::Request, None, Some(address), None, Destination::Broadcast) => {
            format!("REBOOT {address}")
        }
        (MessageType::Request, Some(ciaddr), None, None, Destination::Unicast { server, from }) => {
            assert_eq!(ciaddr, from);
            format!("RENEW {ciaddr} at {server}")
        }
        (MessageType::Request, Some(ciaddr), None, None, Destination::Broadcast) => {
            format!("REBIND {ciaddr}")
        }
        (MessageType::Decline, None, Some(address), Some(server), Destination::Broadcast) => {
            format!("DECLINE {address} of {server}")
        }
        (MessageType::Release, Some(ciaddr), None, Some(server), Destination::Broadcast) => {
            format!("RELEASE {ciaddr} of {server} by broadcast")
        }
        (
            MessageType::Release,
            Some(ciaddr),
            None,
            Some(server),
            Destination::Unicast { server: to, from },
        ) => {
            assert_eq!((ciaddr, server), (from, to));
            format!("RELEASE {ciaddr} of {server}")
        }
        other => panic!("no message of RFC 2131: {other:?}"),
    };
    text + flag
}

/// A server's message, written byte by byte.
#[derive(Clone)]
pub(crate) struct Reply {
    pub(crate) op: u8,
    pub(crate) hlen: u8,
    pub(crate) xid: Option<u32>,
    pub(crate) chaddr: [u8; 6],
    pub(crate) cookie: [u8; 4],
    pub(crate) yiaddr: Ipv4Addr,
    pub(crate) options: Vec<(u8, Vec<u8>)>,
    pub(crate) file: Vec<u8>,
    pub(crate) sname: Vec<u8>,
    pub(crate) tail: Vec<u8>,
}

impl Reply {
    fn of_type(kind: u8) -> Self {
        Self {
            op: 2,
            hlen: 6,
            xid: None,
            chaddr: MAC,
            cookie: [99, 130, 83, 99],
            yiaddr: Ipv4Addr::UNSPECIFIED,
            options: vec![(53, vec![kind]), (54, SERVER.octets().to_vec())],
            file: Vec::new(),
            sname: Vec::new(),
            tail: vec![255],
        }
    }

    /// The same with option `code` set or replaced.
    pub(crate) fn with(mut self, code: u8, value: impl Into<Vec<u8>>) -> Self {
        self = self.without(code);
        self.options.push((code, value.into()));
        self
    }

    pub(crate) fn without(mut self, code: u8) -> Self {
        self.options.retain(|(known, _)| *known != code);
        self
    }

    pub(crate) fn at(self, address: Ipv4Addr) -> Self {
        Self {
            yiaddr: address,
            ..self
        }
    }

    pub(crate) fn from(self, server: Ipv4Addr) -> Self {
        self.with(54, server.octets())
    }

    pub(crate) fn lasting(self, seconds: u32) -> Self {
        self.with(51, seconds.to_be_bytes())
    }

    pub(crate) fn encode(&self, xid: u32) -> Vec<u8> {
        let mut bytes = vec![self.op, 1, self.hlen, 0];
        bytes.extend(self.xid.unwrap_or(xid).to_be_bytes());
        bytes.extend([0; 8]);
        bytes.extend(self.yiaddr.octets());
        bytes.extend([0; 8]);
        bytes.extend(self.chaddr);
        bytes.extend([0; 10]);
        let field = |value: &[u8], length| [value, &vec![0; length - value.len()]].concat();
        bytes.extend(field(&self.sname, 64));
        bytes.extend(field(&self.file, 128));
        bytes.extend(self.cookie);
        for (code, value) in &self.options {
            bytes.extend([*code, u8::try_from(value.len()).expect("short")]);
            bytes.extend(value);
        }
        bytes.extend(&self.tail);
        bytes
    }
}

pub(crate) fn offer() -> Reply {
    Reply::of_type(2)
        .at(ADDRESS)
        .with(1, MASK)
        .with(3, SERVER.octets())
        .lasting(3600)
}

pub(crate) fn ack() -> Reply {
    Reply::of_type(5)
        .at(ADDRESS)
        .with(1, MASK)
        .with(3, SERVER.octets())
        .lasting(3600)
}

pub(crate) fn nak() -> Reply {
    Reply::of_type(6)
}
