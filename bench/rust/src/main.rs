//! The Rust crate `fsys`, one run as bench/task.ts describes it. One source for both versions.
//!
//! Variants: `direct`; for append `batch` (1.x: 1000 records a call); for commit `window` (1.x: the group commit's own).

use std::error::Error;
use std::fs;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use fsys::{JournalHandle, JournalOptions, JournalReader, Method};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

struct Task {
    work: String,
    words: Vec<(String, String)>,
}

impl Task {
    fn parse() -> Self {
        let mut arguments = std::env::args().skip(1);
        let work = arguments.next().unwrap_or_default();
        let words = arguments
            .filter_map(|word| word.split_once('=').map(|(n, v)| (n.into(), v.into())))
            .collect();
        Self { work, words }
    }

    fn text(&self, name: &str) -> &str {
        self.words
            .iter()
            .find(|(word, _)| word == name)
            .map_or("", |(_, value)| value)
    }

    fn number(&self, name: &str) -> usize {
        self.text(name).parse().unwrap_or(0)
    }

    fn seconds(&self) -> f64 {
        self.text("seconds").parse().unwrap_or(0.0)
    }

    fn has(&self, variant: &str) -> bool {
        self.text("variant").split(',').any(|word| word == variant)
    }
}

#[derive(Default)]
struct Measurement {
    operations: usize,
    confirmed: usize,
    seconds: f64,
    sync_seconds: f64,
    cpu_seconds: f64,
    p50_us: f64,
    p99_us: f64,
}

fn main() -> Result<()> {
    let task = Task::parse();
    let found = match task.work.as_str() {
        "append" => append(&task)?,
        "commit" if task.number("committers") == 1 => commit_one_by_one(&task)?,
        "commit" => commit_together(&task)?,
        "replay" => replay(&task)?,
        "open" => open(&task)?,
        other => return Err(format!("no such work: {other}").into()),
    };
    println!(
        "{{\"operations\":{},\"seconds\":{},\"syncSeconds\":{},\"cpuSeconds\":{},\"memoryBytes\":{},\"confirmed\":{},\
         \"p50Us\":{},\"p99Us\":{}}}",
        found.operations,
        found.seconds,
        found.sync_seconds,
        found.cpu_seconds,
        peak_memory_bytes(),
        found.confirmed,
        found.p50_us,
        found.p99_us
    );
    Ok(())
}

fn open_journal(task: &Task, path: &str) -> Result<JournalHandle> {
    let options = JournalOptions::new()
        .direct(task.has("direct"))
        .log_buffer_kib(1024);
    #[cfg(feature = "newer")]
    let options = if task.has("window") {
        options
    } else {
        options.group_commit_window(None)
    };
    // A method serves whole-file writes only, not journals. It is named because the default, `Auto`, probes the hardware first.
    let journal = fsys::with(Method::Sync)?.journal_with(path, options)?;
    if journal.is_direct_active() != task.has("direct") {
        return Err("the file system has no direct I/O".into());
    }
    Ok(journal)
}

// ---------------------------------------------------------------------------------------
// append

fn append(task: &Task) -> Result<Measurement> {
    let (count, sync_every) = (task.number("count"), task.number("sync-every"));
    let record = vec![b'x'; task.number("record-bytes")];
    let journal = open_journal(task, task.text("path"))?;
    let cpu_before = cpu_seconds();
    let begun = Instant::now();
    if sync_every == 0 {
        append_all(task, &journal, &record, count)?;
    } else {
        for _ in 0..count / sync_every {
            append_all(task, &journal, &record, sync_every)?;
            journal.sync_through(journal.next_lsn())?;
        }
    }
    let appended = Instant::now();
    journal.sync_through(journal.next_lsn())?;
    let found = Measurement {
        operations: count,
        seconds: (appended - begun).as_secs_f64(),
        sync_seconds: appended.elapsed().as_secs_f64(),
        cpu_seconds: cpu_seconds() - cpu_before,
        ..Measurement::default()
    };
    journal.close()?;
    Ok(found)
}

fn append_all(task: &Task, journal: &JournalHandle, record: &[u8], count: usize) -> Result<()> {
    #[cfg(feature = "newer")]
    if task.has("batch") {
        let batch = vec![record; count.min(1000)];
        for _ in 0..count / batch.len() {
            journal.append_batch(&batch)?;
        }
        return Ok(());
    }
    if task.has("batch") {
        return Err("this version has no append_batch".into());
    }
    for _ in 0..count {
        journal.append(record)?;
    }
    Ok(())
}

// ---------------------------------------------------------------------------------------
// commit

fn commit(journal: &JournalHandle, record: &[u8]) -> Result<()> {
    let lsn = journal.append(record)?;
    Ok(journal.sync_through(lsn)?)
}

fn commit_one_by_one(task: &Task) -> Result<Measurement> {
    let record = vec![b'x'; task.number("record-bytes")];
    let journal = open_journal(task, task.text("path"))?;
    let commit_for = |seconds: f64| -> Result<Vec<f64>> {
        let mut latencies = Vec::new();
        let begun = Instant::now();
        let mut before = begun;
        while before.duration_since(begun).as_secs_f64() < seconds {
            commit(&journal, &record)?;
            let after = Instant::now();
            latencies.push(after.duration_since(before).as_secs_f64() * 1e6);
            before = after;
        }
        Ok(latencies)
    };
    let warmed_up = commit_for(task.seconds() / 3.0)?.len();
    let cpu_before = cpu_seconds();
    let begun = Instant::now();
    let mut latencies = commit_for(task.seconds())?;
    let seconds = begun.elapsed().as_secs_f64();
    let cpu_after = cpu_seconds();
    latencies.sort_by(f64::total_cmp);
    let operations = latencies.len();
    journal.close()?;
    Ok(Measurement {
        operations,
        confirmed: operations + warmed_up,
        seconds,
        cpu_seconds: cpu_after - cpu_before,
        p50_us: latencies[operations / 2],
        p99_us: latencies[operations * 99 / 100],
        ..Measurement::default()
    })
}

/// As many threads as committers. Each counts what it has committed; the figure is what they have done in the time.
fn commit_together(task: &Task) -> Result<Measurement> {
    let record = vec![b'x'; task.number("record-bytes")];
    let journal = open_journal(task, task.text("path"))?;
    let is_over = AtomicBool::new(false);
    let committed = AtomicU64::new(0);
    let work = || -> Result<()> {
        while !is_over.load(Ordering::Relaxed) {
            commit(&journal, &record)?;
            committed.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    };
    let (operations, seconds, cpu) = thread::scope(|scope| -> Result<_> {
        let threads = (0..task.number("committers"))
            .map(|_| {
                thread::Builder::new()
                    .stack_size(1 << 16)
                    .spawn_scoped(scope, work)
            })
            .collect::<std::io::Result<Vec<_>>>()?;
        thread::sleep(Duration::from_secs_f64(task.seconds() / 3.0));
        let (before, cpu_before, begun) = (
            committed.load(Ordering::Relaxed),
            cpu_seconds(),
            Instant::now(),
        );
        thread::sleep(Duration::from_secs_f64(task.seconds()));
        let (after, seconds) = (
            committed.load(Ordering::Relaxed),
            begun.elapsed().as_secs_f64(),
        );
        let cpu = cpu_seconds() - cpu_before;
        is_over.store(true, Ordering::Relaxed);
        for thread in threads {
            thread.join().map_err(|_| "a committer panicked")??;
        }
        Ok((after - before, seconds, cpu))
    })?;
    journal.close()?;
    Ok(Measurement {
        operations: operations as usize,
        confirmed: committed.load(Ordering::Relaxed) as usize,
        seconds,
        cpu_seconds: cpu,
        ..Measurement::default()
    })
}

// ---------------------------------------------------------------------------------------
// replay and open

fn replay(task: &Task) -> Result<Measurement> {
    let once = || -> Result<usize> {
        let mut reader = JournalReader::open(task.text("path").as_ref())?;
        let (mut records, mut bytes) = (0, 0);
        for record in reader.iter() {
            bytes += record?.payload.len();
            records += 1;
        }
        if records != task.number("count") || bytes != records * task.number("record-bytes") {
            return Err(format!("a replay gave {records} records of {bytes} bytes").into());
        }
        Ok(records)
    };
    once()?;
    let cpu_before = cpu_seconds();
    let begun = Instant::now();
    let operations = once()?;
    let seconds = begun.elapsed().as_secs_f64();
    Ok(Measurement {
        operations,
        seconds,
        cpu_seconds: cpu_seconds() - cpu_before,
        ..Measurement::default()
    })
}

fn open(task: &Task) -> Result<Measurement> {
    let cpu_before = cpu_seconds();
    let begun = Instant::now();
    let journal = open_journal(task, task.text("path"))?;
    let seconds = begun.elapsed().as_secs_f64();
    let cpu = cpu_seconds() - cpu_before;
    journal.close()?;
    Ok(Measurement {
        operations: task.number("count"),
        seconds,
        cpu_seconds: cpu,
        ..Measurement::default()
    })
}

// ---------------------------------------------------------------------------------------
// what this process has used

extern "C" {
    /// Of libc: the CPU time of the process, all threads, in microseconds on every POSIX system.
    fn clock() -> std::ffi::c_long;
}

fn cpu_seconds() -> f64 {
    // SAFETY: it takes nothing and changes nothing.
    unsafe { clock() as f64 / 1e6 }
}

fn peak_memory_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .unwrap_or("");
    line.split_whitespace()
        .nth(1)
        .and_then(|kib| kib.parse::<u64>().ok())
        .unwrap_or(0)
        * 1024
}
