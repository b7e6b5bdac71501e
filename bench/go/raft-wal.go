package main

import (
	"errors"
	"io"
	"os"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	wal "github.com/hashicorp/raft-wal"
	"github.com/hashicorp/raft-wal/metadb"
)

// Every call of it is synced.
type raftLog struct {
	wal  *wal.WAL
	meta *metadb.BoltMetaDB // which the log does not close
	logs []*raft.Log
}

func openRaftWal(path string) (log, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, err
	}
	quiet := hclog.New(&hclog.LoggerOptions{Output: io.Discard})
	meta := &metadb.BoltMetaDB{}
	opened, err := wal.Open(path, wal.WithLogger(quiet), wal.WithMetaStore(meta))
	return &raftLog{wal: opened, meta: meta}, err
}

func (log *raftLog) append(first uint64, records [][]byte) error {
	for len(log.logs) < len(records) {
		log.logs = append(log.logs, &raft.Log{})
	}
	for index, record := range records {
		log.logs[index].Index, log.logs[index].Data = first+uint64(index), record
	}
	return log.wal.StoreLogs(log.logs[:len(records)])
}

func (log *raftLog) sync() error { return nil }

func (log *raftLog) readAll() (records, bytes int, err error) {
	last, err := log.wal.LastIndex()
	var record raft.Log
	for index := uint64(1); index <= last && err == nil; index++ {
		err = log.wal.GetLog(index, &record)
		bytes += len(record.Data)
		records++
	}
	return records, bytes, err
}

func (log *raftLog) close() error { return errors.Join(log.wal.Close(), log.meta.Close()) }
