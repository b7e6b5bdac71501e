// Logs written in Go, one run as bench/task.ts describes it. The first word of the variant names the log: tidwall, raft-wal
// or etcd. Each syncs every call of its own, so that callers who come together are committed together by one goroutine: that
// is how the programs that they were made for use them.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// A log whose records are numbered from 1.
type log interface {
	// append hands the records over, and syncs them if the log was opened so, or does nothing else.
	append(first uint64, records [][]byte) error
	// sync makes durable what was appended without a sync.
	sync() error
	// readAll reads all records, and returns how many there are and of how many bytes together.
	readAll() (records, bytes int, err error)
	close() error
}

type measurement struct {
	Operations  int     `json:"operations"`
	Confirmed   int     `json:"confirmed"`
	Seconds     float64 `json:"seconds"`
	SyncSeconds float64 `json:"syncSeconds"`
	CPUSeconds  float64 `json:"cpuSeconds"`
	MemoryBytes int     `json:"memoryBytes"`
	P50Us       float64 `json:"p50Us,omitempty"`
	P99Us       float64 `json:"p99Us,omitempty"`
}

type task struct {
	work, path, kind                          string
	recordBytes, count, syncEvery, committers int
	seconds                                   float64
}

func main() {
	found, err := run(parse(os.Args[1:]))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	found.MemoryBytes = peakMemoryBytes()
	line, _ := json.Marshal(found)
	fmt.Println(string(line))
}

func parse(words []string) task {
	values := map[string]string{}
	for _, word := range words[1:] {
		name, value, _ := strings.Cut(word, "=")
		values[name] = value
	}
	number := func(name string) int {
		value, _ := strconv.Atoi(values[name])
		return value
	}
	seconds, _ := strconv.ParseFloat(values["seconds"], 64)
	kind, _, _ := strings.Cut(values["variant"], ",")
	return task{words[0], values["path"], kind, number("record-bytes"), number("count"), number("sync-every"),
		number("committers"), seconds}
}

func run(task task) (measurement, error) {
	switch {
	case task.work == "append":
		return appendRecords(task)
	case task.work == "commit" && task.committers == 1:
		return commitOneByOne(task)
	case task.work == "commit":
		return commitTogether(task)
	case task.work == "prepare":
		return appendRecords(task)
	case task.work == "replay":
		return replay(task)
	}
	return measurement{}, fmt.Errorf("no such work: %s", task.work)
}

func openLog(task task, isSynced bool) (log, error) {
	switch task.kind {
	case "tidwall":
		return openTidwall(task.path, isSynced)
	case "raft-wal":
		return openRaftWal(task.path)
	case "etcd":
		return openEtcd(task.path)
	}
	return nil, fmt.Errorf("no such log: %s", task.kind)
}

func appendRecords(task task) (measurement, error) {
	log, err := openLog(task, false)
	if err != nil {
		return measurement{}, err
	}
	batch := 1000
	if task.syncEvery > 0 {
		batch = task.syncEvery
	}
	records := slices.Repeat([][]byte{make([]byte, task.recordBytes)}, batch)
	cpuBefore, begun := cpuSeconds(), time.Now()
	for done := 0; done < task.count; done += batch {
		if err := log.append(uint64(done)+1, records[:min(batch, task.count-done)]); err != nil {
			return measurement{}, err
		}
		if task.syncEvery > 0 {
			if err := log.sync(); err != nil {
				return measurement{}, err
			}
		}
	}
	appended := time.Now()
	if err := log.sync(); err != nil {
		return measurement{}, err
	}
	found := measurement{
		Operations:  task.count,
		Seconds:     appended.Sub(begun).Seconds(),
		SyncSeconds: time.Since(appended).Seconds(),
		CPUSeconds:  cpuSeconds() - cpuBefore,
	}
	return found, log.close()
}

func commitOneByOne(task task) (measurement, error) {
	log, err := openLog(task, true)
	if err != nil {
		return measurement{}, err
	}
	records := [][]byte{make([]byte, task.recordBytes)}
	next := uint64(1)
	commitFor := func(seconds float64) (latencies []float64, err error) {
		begun := time.Now()
		for before := begun; before.Sub(begun).Seconds() < seconds; next++ {
			if err := log.append(next, records); err != nil {
				return nil, err
			}
			after := time.Now()
			latencies = append(latencies, after.Sub(before).Seconds()*1e6)
			before = after
		}
		return latencies, nil
	}
	warmedUp, err := commitFor(task.seconds / 3)
	if err != nil {
		return measurement{}, err
	}
	cpuBefore, begun := cpuSeconds(), time.Now()
	latencies, err := commitFor(task.seconds)
	if err != nil {
		return measurement{}, err
	}
	seconds, cpu := time.Since(begun).Seconds(), cpuSeconds()-cpuBefore
	slices.Sort(latencies)
	count := len(latencies)
	return measurement{
		Operations: count,
		Confirmed:  count + len(warmedUp),
		Seconds:    seconds,
		CPUSeconds: cpu,
		P50Us:      latencies[count/2],
		P99Us:      latencies[count*99/100],
	}, log.close()
}

// As many goroutines as committers, and one that commits all who wait as one batch.
func commitTogether(task task) (measurement, error) {
	log, err := openLog(task, true)
	if err != nil {
		return measurement{}, err
	}
	record := make([]byte, task.recordBytes)
	waiting := make(chan chan struct{}, task.committers)
	var isOver atomic.Bool
	var committed atomic.Int64
	var committers sync.WaitGroup
	for range task.committers {
		committers.Go(func() {
			done := make(chan struct{}, 1)
			for !isOver.Load() {
				waiting <- done
				<-done
				committed.Add(1)
			}
		})
	}
	failed := make(chan error, 1)
	go func() { failed <- commitBatches(log, record, waiting) }()

	time.Sleep(time.Duration(task.seconds / 3 * 1e9))
	before, cpuBefore, begun := committed.Load(), cpuSeconds(), time.Now()
	time.Sleep(time.Duration(task.seconds * 1e9))
	found := measurement{
		Operations: int(committed.Load() - before),
		Seconds:    time.Since(begun).Seconds(),
		CPUSeconds: cpuSeconds() - cpuBefore,
	}
	isOver.Store(true)
	committers.Wait()
	close(waiting)
	if err := <-failed; err != nil {
		return measurement{}, err
	}
	found.Confirmed = int(committed.Load())
	return found, log.close()
}

func commitBatches(log log, record []byte, waiting chan chan struct{}) error {
	var batch []chan struct{}
	var records [][]byte
	next := uint64(1)
	for first := range waiting {
		batch, records = append(batch[:0], first), append(records[:0], record)
		for more := len(waiting); more > 0; more-- {
			batch, records = append(batch, <-waiting), append(records, record)
		}
		if err := log.append(next, records); err != nil {
			return err
		}
		next += uint64(len(records))
		for _, done := range batch {
			done <- struct{}{}
		}
	}
	return nil
}

func replay(task task) (measurement, error) {
	once := func() error {
		log, err := openLog(task, true)
		if err != nil {
			return err
		}
		records, bytes, err := log.readAll()
		if err == nil && (records != task.count || bytes != records*task.recordBytes) {
			err = fmt.Errorf("a replay gave %d records of %d bytes", records, bytes)
		}
		if err != nil {
			return err
		}
		return log.close()
	}
	if err := once(); err != nil {
		return measurement{}, err
	}
	cpuBefore, begun := cpuSeconds(), time.Now()
	err := once()
	return measurement{
		Operations: task.count,
		Seconds:    time.Since(begun).Seconds(),
		CPUSeconds: cpuSeconds() - cpuBefore,
	}, err
}

func cpuSeconds() float64 {
	var usage syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1e9
}

func peakMemoryBytes() int {
	status, _ := os.ReadFile("/proc/self/status")
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	kib := 0
	_, _ = fmt.Sscan(rest, &kib)
	return kib * 1024
}
