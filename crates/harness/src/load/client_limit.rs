//! Did this program, and not the server, set the pace? Or did other programs on the machine?

use std::time::{Duration, Instant};

/// How often the pulse beats.
pub(super) const PULSE: Duration = Duration::from_millis(20);
/// A beat, or a request of an open loop, that is later than this is late: ten times what a timer is late by itself.
const LATE: Duration = Duration::from_millis(10);
/// Share of late beats or requests that is too much.
const TOO_MANY: f64 = 0.01;
/// Fewest beats or requests that a share is read off.
const FEWEST: u64 = 100;
/// Share of a core that the thread may want before it counts as busy throughout.
const BUSY: f64 = 0.9;
/// A thread that ran for less than this share of the time had enough to spare: if it was late, others held it up.
const IDLE_ENOUGH: f64 = 0.5;

/// What the thread that sends the load saw of itself.
#[derive(Debug, Default)]
pub(super) struct ClientPace {
    beats: Lateness,
    requests: Lateness,
    /// Time spent waiting for the sink to take records.
    blocked: Duration,
    /// The most requests that this program may hold in flight, once it did.
    full: Option<u32>,
    cpu: Option<(CpuTime, Instant)>,
    busy: Option<Busy>,
}

/// Shares of a core.
#[derive(Debug, Clone, Copy)]
struct Busy {
    /// That the thread had.
    ran: f64,
    /// That it wanted: what it had, and what it waited for.
    wanted: f64,
}

#[derive(Debug, Default)]
struct Lateness {
    seen: u64,
    late: u64,
    worst: Duration,
}

impl Lateness {
    fn note(&mut self, by: Duration) {
        self.seen += 1;
        self.late += u64::from(by > LATE);
        self.worst = self.worst.max(by);
    }

    fn is_too_much(&self) -> bool {
        self.seen >= FEWEST && self.late as f64 > TOO_MANY * self.seen as f64
    }
}

impl ClientPace {
    /// A beat of the pulse came this much after its time.
    pub(super) fn beat(&mut self, late_by: Duration) {
        self.beats.note(late_by);
    }

    /// A request of an open loop was issued this much after its time.
    pub(super) fn issued(&mut self, late_by: Duration) {
        self.requests.note(late_by);
    }

    /// A finished request waited this long until its record was taken.
    pub(super) fn blocked(&mut self, time: Duration) {
        self.blocked = self.blocked.saturating_add(time);
    }

    /// As many requests are in flight as this program may hold.
    pub(super) fn full(&mut self, requests: u32) {
        self.full = Some(requests);
    }

    /// Begins to watch the CPU time of the calling thread.
    pub(super) fn begin(&mut self) {
        self.cpu = CpuTime::of_this_thread().map(|cpu| (cpu, Instant::now()));
    }

    /// Ends it, on the same thread.
    pub(super) fn end(&mut self) {
        if let (Some((before, since)), Some(after)) = (self.cpu.take(), CpuTime::of_this_thread()) {
            let wall = since.elapsed().as_secs_f64();
            if wall > 0.0 {
                let ran = after.running.saturating_sub(before.running).as_secs_f64() / wall;
                let wanted = after.wanted_since(&before).as_secs_f64() / wall;
                self.busy = Some(Busy { ran, wanted });
            }
        }
    }

    /// By how much the latest request of an open loop was late.
    pub(super) fn worst_lag(&self) -> Duration {
        self.requests.worst
    }

    /// Why this program is the limit; `None` where it is not. `wall` is how long it was at work.
    pub(super) fn limit(&self, wall: Duration) -> Option<String> {
        if let Some(requests) = self.full {
            return Some(format!(
                "{requests} requests were in flight, and this program may hold no more: `ulimit -n` raises that"
            ));
        }
        if !self.has_time_to_spare()
            && let Some(late) = self.too_late()
        {
            return Some(late);
        }
        if self.blocked.as_secs_f64() > TOO_MANY * wall.as_secs_f64() {
            return Some(format!("requests waited {:?} for their records to be written", self.blocked));
        }
        None
    }

    /// How other programs on the machine held this one up, which had time to spare; `None` where they did not, or where
    /// the system does not tell.
    pub(super) fn held_up(&self) -> Option<String> {
        if self.has_time_to_spare() { self.too_late() } else { None }
    }

    /// True where the thread that sends requests is known to have run little.
    fn has_time_to_spare(&self) -> bool {
        self.busy.is_some_and(|busy| busy.ran < IDLE_ENOUGH)
    }

    /// What was late, or not to be had in time, whoever is the cause.
    fn too_late(&self) -> Option<String> {
        if let Some(busy) = self.busy.filter(|busy| busy.wanted > BUSY) {
            let (wanted, ran) = (busy.wanted * 100.0, busy.ran * 100.0);
            return Some(format!(
                "the thread that sends requests wanted {wanted:.0} % of a core and had {ran:.0} %"
            ));
        }
        let lateness =
            [("requests were issued", &self.requests), ("timers of this program fired", &self.beats)];
        let (what, late) = lateness.into_iter().find(|(_, lateness)| lateness.is_too_much())?;
        let Lateness { seen, late, worst } = late;
        Some(format!("{late} of {seen} {what} over {LATE:?} late, the worst {worst:?}"))
    }
}

/// CPU time of a thread, and the time in which it wanted the CPU and did not get it.
#[derive(Debug, Clone, Copy)]
struct CpuTime {
    running: Duration,
    waiting: Duration,
}

impl CpuTime {
    /// From the scheduler's statistics; `None` where the system keeps none.
    fn of_this_thread() -> Option<Self> {
        let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
        let mut numbers =
            text.split_ascii_whitespace().map(|word| word.parse().ok().map(Duration::from_nanos));
        Some(Self { running: numbers.next()??, waiting: numbers.next()?? })
    }

    fn wanted_since(&self, before: &Self) -> Duration {
        self.running
            .saturating_sub(before.running)
            .saturating_add(self.waiting.saturating_sub(before.waiting))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_calm_client_is_no_limit() {
        let mut pace = ClientPace::default();
        pace.begin();
        for _ in 0..1000 {
            pace.beat(Duration::from_millis(1));
            pace.issued(Duration::from_millis(2));
        }
        std::thread::sleep(Duration::from_millis(50));
        pace.end();
        assert_eq!(pace.limit(SECOND), None);
    }

    #[test]
    fn lateness_is_a_limit_once_it_is_common() {
        let mut pace = ClientPace::default();
        for number in 0..1000 {
            pace.issued(Duration::from_millis(if number % 50 == 0 { 30 } else { 1 }));
        }
        let limit = pace.limit(SECOND).unwrap();
        assert!(limit.contains("20 of 1000 requests were issued over 10ms late, the worst 30ms"), "{limit}");
        let mut pace = ClientPace::default();
        (0..99).for_each(|_| pace.beat(SECOND));
        assert_eq!(pace.limit(SECOND), None);
        pace.beat(SECOND);
        assert!(pace.limit(SECOND).unwrap().contains("timers"));
    }

    #[test]
    fn a_slow_sink_is_a_limit() {
        let mut pace = ClientPace::default();
        pace.blocked(Duration::from_millis(100));
        assert!(pace.limit(SECOND).unwrap().contains("to be written"));
        assert_eq!(pace.limit(SECOND * 60), None);
    }

    #[test]
    fn a_lack_of_connections_is_a_limit() {
        let mut pace = ClientPace::default();
        pace.full(64);
        assert!(pace.limit(SECOND).unwrap().starts_with("64 requests were in flight"));
    }

    #[test]
    fn a_busy_thread_is_a_limit() {
        let mut pace = ClientPace::default();
        pace.begin();
        if pace.cpu.is_none() {
            return; // the system keeps no such statistics
        }
        let began = Instant::now();
        while began.elapsed() < Duration::from_millis(200) {
            std::hint::spin_loop();
        }
        pace.end();
        // beside other tests it may not get what it wants
        assert!(pace.limit(SECOND).or(pace.held_up()).unwrap().contains("of a core"));
    }

    /// Three late timers in 257, as a busy neighbor makes them, are the machine's and not this program's.
    #[test]
    fn a_program_that_was_idle_was_held_up_by_others() {
        let mut pace = ClientPace { busy: Some(Busy { ran: 0.02, wanted: 0.1 }), ..ClientPace::default() };
        for number in 0..257 {
            pace.beat(Duration::from_millis(if number < 3 { 30 } else { 1 }));
        }
        assert_eq!(pace.limit(SECOND), None);
        assert!(pace.held_up().unwrap().starts_with("3 of 257 timers of this program fired"));

        pace.busy = Some(Busy { ran: 0.8, wanted: 0.85 });
        assert!(pace.limit(SECOND).is_some() && pace.held_up().is_none());
        pace.busy = Some(Busy { ran: 0.3, wanted: 0.95 });
        assert!(pace.limit(SECOND).is_none() && pace.held_up().unwrap().contains("had 30 %"));
    }
}
