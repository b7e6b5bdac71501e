package main

import "github.com/tidwall/wal"

type tidwallLog struct {
	log   *wal.Log
	batch wal.Batch
}

func openTidwall(path string, isSynced bool) (log, error) {
	opened, err := wal.Open(path, &wal.Options{NoSync: !isSynced, NoCopy: true})
	return &tidwallLog{log: opened}, err
}

func (log *tidwallLog) append(first uint64, records [][]byte) error {
	log.batch.Clear()
	for index, record := range records {
		log.batch.Write(first+uint64(index), record)
	}
	return log.log.WriteBatch(&log.batch)
}

func (log *tidwallLog) sync() error { return log.log.Sync() }

func (log *tidwallLog) readAll() (records, bytes int, err error) {
	last, err := log.log.LastIndex()
	for index := uint64(1); index <= last && err == nil; index++ {
		var record []byte
		record, err = log.log.Read(index)
		bytes += len(record)
		records++
	}
	return records, bytes, err
}

func (log *tidwallLog) close() error { return log.log.Close() }
