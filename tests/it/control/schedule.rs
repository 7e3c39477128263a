//! The scheduler: when ticks come, what becomes of late and overlapping ones, and how it stops.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use duologue::clock::Clock;
use duologue::error::ErrorKind;
use duologue::flow::control::{MissedTicks, Overlap, Schedule, Scheduler, Tick};
use jiff::Timestamp;
use tokio::time::{advance, sleep};
use tokio_util::sync::CancellationToken;

use super::PausedClock;

const START: &str = "2026-11-21T06:59:30Z";

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Ticks as they came: the time of day they were due at, and how many were left out before.
#[derive(Clone, Default)]
struct Ticks(Arc<Mutex<Vec<String>>>);

impl Ticks {
    fn keep(&self, tick: Tick) {
        let due = Timestamp::try_from(tick.due).unwrap();
        let text = format!("{} {}", due.strftime("%d %H:%M:%S"), tick.missed);
        self.0.lock().unwrap().push(text);
    }

    fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

/// Runs one entry, whose callback takes `takes`, while `meanwhile` goes on.
async fn run_with(
    schedule: Schedule,
    takes: Duration,
    meanwhile: impl Future<Output = ()>,
) -> (Vec<String>, duologue::flow::control::EntryReport) {
    let (ticks, stop) = (Ticks::default(), CancellationToken::new());
    let kept = ticks.clone();
    let scheduler = Scheduler::builder()
        .clock(PausedClock::starting_at(START))
        .entry(schedule, move |tick| {
            kept.keep(tick);
            async move {
                sleep(takes).await;
                Ok(())
            }
        })
        .build()
        .unwrap();
    let ending = async {
        meanwhile.await;
        stop.cancel();
    };
    let (mut reports, ()) = futures::join!(scheduler.run(&stop), ending);
    (ticks.all(), reports.remove(0))
}

#[tokio::test(start_paused = true)]
async fn an_interval_ticks_after_each_interval() {
    let poll = Schedule::every(seconds(10), "poll").unwrap();
    let (ticks, report) = run_with(poll, Duration::ZERO, sleep(seconds(35))).await;
    assert_eq!(ticks, ["21 06:59:40 0", "21 06:59:50 0", "21 07:00:00 0"]);
    assert_eq!((report.ran, report.missed, report.overlapped), (3, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_cron_entry_ticks_at_its_times_in_utc() {
    let digest = Schedule::cron("0 7 * * *", "digest").unwrap();
    let (ticks, _) = run_with(digest, Duration::ZERO, sleep(seconds(2 * 24 * 3600))).await;
    assert_eq!(ticks, ["21 07:00:00 0", "22 07:00:00 0"]);
}

/// The machine sleeps for two hours and a half while nothing can run.
async fn suspended() {
    sleep(seconds(1)).await;
    advance(seconds(9000)).await;
    sleep(seconds(1)).await;
}

#[tokio::test(start_paused = true)]
async fn missed_ticks_are_left_out_made_up_once_or_all_made_up() {
    let hourly = || Schedule::cron("0 * * * *", "hourly").unwrap();
    let (ticks, report) = run_with(hourly(), Duration::ZERO, suspended()).await;
    assert_eq!((ticks.len(), report.missed), (0, 3));

    let once = hourly().missed(MissedTicks::RunOnce);
    let (ticks, report) = run_with(once, Duration::ZERO, suspended()).await;
    assert_eq!(
        (ticks, report.missed),
        (vec!["21 09:00:00 2".to_owned()], 2)
    );

    let all = hourly().missed(MissedTicks::RunAll);
    let (ticks, report) = run_with(all, Duration::ZERO, suspended()).await;
    assert_eq!(ticks, ["21 07:00:00 0", "21 08:00:00 0", "21 09:00:00 0"]);
    assert_eq!(report.missed, 0);
}

#[tokio::test(start_paused = true)]
async fn an_interval_goes_on_with_the_next_tick_after_a_suspension() {
    let poll = Schedule::every(seconds(10), "poll").unwrap();
    let meanwhile = async {
        suspended().await;
        sleep(seconds(10)).await;
    };
    let (ticks, report) = run_with(poll, Duration::ZERO, meanwhile).await;
    assert_eq!(ticks, ["21 09:29:30 899", "21 09:29:40 0"]);
    assert_eq!(report.missed, 899);
}

#[tokio::test(start_paused = true)]
async fn millions_of_missed_ticks_are_passed_over_at_once() {
    let poll = Schedule::every(Duration::from_millis(1), "poll").unwrap();
    let all = poll.missed(MissedTicks::RunAll);
    let (ticks, report) = run_with(all, Duration::ZERO, advance(seconds(7_200))).await;
    assert!(
        ticks.len() <= 1001 && report.missed >= 7_198_000,
        "{} {report:?}",
        ticks.len()
    );
}

#[tokio::test(start_paused = true)]
async fn a_tick_is_left_out_while_the_one_before_is_worked_on() {
    let poll = || Schedule::every(seconds(10), "poll").unwrap();
    let (ticks, report) = run_with(poll(), seconds(25), sleep(seconds(45))).await;
    assert_eq!(ticks, ["21 06:59:40 0", "21 07:00:10 2"]);
    assert_eq!(report.overlapped, 2);

    let beside = poll().overlap(Overlap::Allow);
    let (ticks, report) = run_with(beside, seconds(25), sleep(seconds(45))).await;
    assert_eq!((ticks.len(), report.overlapped), (4, 0));
}

#[tokio::test(start_paused = true)]
async fn a_scheduler_that_stops_waits_for_callbacks_and_starts_no_more() {
    let poll = Schedule::every(seconds(10), "poll").unwrap();
    let begun = tokio::time::Instant::now();
    let (ticks, report) = run_with(poll, seconds(60), sleep(seconds(15))).await;
    assert_eq!((ticks.len(), report.ran), (1, 1));
    assert_eq!(begun.elapsed(), seconds(70), "it waited for the callback");
}

#[tokio::test(start_paused = true)]
async fn a_scheduler_without_entries_stops_too() {
    let stop = CancellationToken::new();
    let scheduler = Scheduler::builder().build().unwrap();
    let ending = async {
        sleep(seconds(300)).await;
        stop.cancel();
    };
    let (reports, ()) = futures::join!(scheduler.run(&stop), ending);
    assert!(reports.is_empty());
}

/// Goes with tokio's time, from a time of day that tests set.
#[derive(Debug, Clone)]
struct JumpingClock {
    base: Arc<Mutex<PausedClock>>,
}

impl JumpingClock {
    fn starting_at(time: &str) -> Self {
        let base = Arc::new(Mutex::new(PausedClock::starting_at(time)));
        Self { base }
    }

    fn jump_to(&self, time: &str) {
        *self.base.lock().unwrap() = PausedClock::starting_at(time);
    }
}

impl Clock for JumpingClock {
    fn now(&self) -> SystemTime {
        self.base.lock().unwrap().now()
    }

    fn elapsed(&self) -> Duration {
        // What tokio has passed since the test began, which no jump changes.
        static BEGUN: std::sync::OnceLock<tokio::time::Instant> = std::sync::OnceLock::new();
        BEGUN.get_or_init(tokio::time::Instant::now).elapsed()
    }

    fn id(&self) -> String {
        self.base.lock().unwrap().id()
    }
}

/// Ticks of an hourly entry whose clock jumps after two minutes, over four hours.
async fn hourly_with_a_jump(from: &str, to: &str, missed: MissedTicks) -> Vec<String> {
    let (ticks, stop) = (Ticks::default(), CancellationToken::new());
    let (kept, clock) = (ticks.clone(), JumpingClock::starting_at(from));
    let hourly = Schedule::cron("0 * * * *", "hourly").unwrap();
    let scheduler = Scheduler::builder()
        .clock(clock.clone())
        .entry(hourly.missed(missed), move |tick| {
            kept.keep(tick);
            async { Ok(()) }
        })
        .build()
        .unwrap();
    let ending = async {
        sleep(seconds(125)).await;
        clock.jump_to(to);
        sleep(seconds(2 * 3600)).await;
        stop.cancel();
    };
    futures::join!(scheduler.run(&stop), ending);
    ticks.all()
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_back_does_not_silence_an_entry() {
    let (from, to) = ("2030-01-01T06:30:00Z", "2026-11-21T06:59:00Z");
    let ticks = hourly_with_a_jump(from, to, MissedTicks::Skip).await;
    assert_eq!(ticks, ["21 07:00:00 0", "21 08:00:00 0"]);
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_was_far_behind_is_not_caught_up_with_tick_by_tick() {
    let (from, to) = ("1970-01-01T00:30:00Z", "2026-11-21T06:30:00Z");
    let ticks = hourly_with_a_jump(from, to, MissedTicks::Skip).await;
    let times: Vec<&str> = ticks.iter().map(|tick| &tick[..11]).collect();
    assert_eq!(times, ["21 07:00:00", "21 08:00:00"]);
    let once = hourly_with_a_jump(from, to, MissedTicks::RunOnce).await;
    assert_eq!(once[0], "21 06:00:00 1000");
}

#[test]
fn schedules_that_make_no_sense_are_refused_by_name() {
    let said = |schedule: duologue::Result<Schedule>| {
        let error = schedule.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        error.to_string()
    };
    for pattern in ["", "7 o'clock", "99 * * * *", "0 0 31 2 *"] {
        let said = said(Schedule::cron(pattern, "digest"));
        assert!(
            said.contains(&format!("`{pattern}`")) && said.contains("`digest`"),
            "{said}"
        );
    }
    assert!(said(Schedule::every(Duration::ZERO, "poll")).contains("`poll` is 0"));
    let twice = Scheduler::builder()
        .every(seconds(1), "poll", |_| async { Ok(()) })
        .every(seconds(2), "poll", |_| async { Ok(()) })
        .build();
    assert_eq!(
        twice.unwrap_err().to_string(),
        "two entries have the name `poll`"
    );
}
