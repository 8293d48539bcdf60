// Checks a buystream shop's transparency log and receipts with code that buystream's authors didn't write:
// golang.org/x/mod/sumdb/note and tlog for the receipts, and Tessera's fsck for the whole log.
//
//	judge receipts VKEY FOLDER   # every *.tlog-proof in it
//	judge fsck VKEY FOLDER       # the log, as `buystream tlog export` wrote it
//	judge fsck VKEY URL          # the log, as the shop serves it: https://shop.example/tlog/
package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/api"
	"github.com/transparency-dev/tessera/client"
	"github.com/transparency-dev/tessera/fsck"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func main() {
	if len(os.Args) != 4 {
		fail(fmt.Errorf("usage: judge receipts|fsck VKEY FOLDER|URL"))
	}
	verifier, err := note.NewVerifier(os.Args[2])
	fail(err)
	switch os.Args[1] {
	case "receipts":
		number, err := receipts(verifier, os.Args[3])
		fail(err)
		fmt.Printf("%d receipts verified\n", number)
	case "fsck":
		fail(whole(verifier, os.Args[3]))
		fmt.Println("the log is whole")
	default:
		fail(fmt.Errorf("unknown: %s", os.Args[1]))
	}
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func receipts(verifier note.Verifier, folder string) (int, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.tlog-proof"))
	if err != nil {
		return 0, err
	}
	for _, file := range files {
		written, err := os.ReadFile(file)
		if err != nil {
			return 0, err
		}
		if err := receipt(verifier, written); err != nil {
			return 0, fmt.Errorf("%s: %w", file, err)
		}
	}
	return len(files), nil
}

// receipt follows https://c2sp.org/tlog-proof, and docs/proof.md for what the extra line holds.
func receipt(verifier note.Verifier, written []byte) error {
	head, checkpoint, ok := bytes.Cut(written, []byte("\n\n"))
	lines := strings.Split(string(head), "\n")
	if !ok || len(lines) < 3 || lines[0] != "c2sp.org/tlog-proof@v1" {
		return fmt.Errorf("it is no tlog-proof")
	}
	extra, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(lines[1], "extra "))
	if err != nil || len(extra) < 16 {
		return fmt.Errorf("it opens no leaf: %v", err)
	}
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[2], "index "), 10, 64)
	if err != nil {
		return err
	}
	var proof tlog.RecordProof
	for _, line := range lines[3:] {
		hash, err := tlog.ParseHash(line)
		if err != nil {
			return err
		}
		proof = append(proof, hash)
	}
	opened, err := note.Open(checkpoint, note.VerifierList(verifier))
	if err != nil {
		return err
	}
	origin, rest, _ := strings.Cut(opened.Text, "\n")
	if origin != verifier.Name() {
		return fmt.Errorf("it is of the log %s", origin)
	}
	size, root, _ := strings.Cut(rest, "\n")
	treeSize, err := strconv.ParseInt(size, 10, 64)
	if err != nil {
		return err
	}
	treeRoot, err := tlog.ParseHash(strings.TrimSuffix(root, "\n"))
	if err != nil {
		return err
	}
	var event struct{ Id, Type string }
	if err := json.Unmarshal(extra[16:], &event); err != nil {
		return err
	}
	committed := sha256.Sum256(extra)
	title := strings.Replace(event.Id, "-", " ", 1) + " " + event.Type
	entry := fmt.Sprintf("buystream-leaf/v1 %s %s\n", title, base64.StdEncoding.EncodeToString(committed[:]))
	return tlog.CheckRecord(proof, treeSize, treeRoot, index, tlog.RecordHash([]byte(entry)))
}

func whole(verifier note.Verifier, where string) error {
	var source fsck.Fetcher = &client.FileFetcher{Root: where}
	if strings.HasPrefix(where, "http") {
		address, err := url.Parse(where)
		if err != nil {
			return err
		}
		if source, err = client.NewHTTPFetcher(address, nil); err != nil {
			return err
		}
	}
	return fsck.New(verifier.Name(), verifier, source, leafHashes, fsck.Opts{N: 2}).Check(context.Background())
}

func leafHashes(bundle []byte) ([][]byte, error) {
	var entries api.EntryBundle
	if err := entries.UnmarshalText(bundle); err != nil {
		return nil, err
	}
	hashes := make([][]byte, 0, len(entries.Entries))
	for _, entry := range entries.Entries {
		hashes = append(hashes, rfc6962.DefaultHasher.HashLeaf(entry))
	}
	return hashes, nil
}
