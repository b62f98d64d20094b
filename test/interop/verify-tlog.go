// Verifies checkpoints, proofs, dumps and tiles of a Countersign log with the packages that Go's checksum database is
// verified with, golang.org/x/mod/sumdb/note and tlog, and nothing else. What the formats are is in docs/receipts.md.
//
//	verify-tlog key     NAME ed25519:…               writes the verifier key of a log
//	verify-tlog bundle  BUNDLE VKEY…                 its checkpoint, and the inclusion of every entry
//	verify-tlog dump    DUMP VKEY…                   DUMP.checkpoint, and the tree over the entries
//	verify-tlog proof   PROOF ENTRY VKEY…            what `countersign receipts prove SEQ` wrote
//	verify-tlog growth  REQUEST CHECKPOINT VKEY…     what `countersign receipts prove --from SIZE` wrote
//	verify-tlog tiles   FOLDER VKEY…                 what `countersign receipts export --tiles` wrote
//
// The first verifier key is the log's own; any others are keys that may stand under a checkpoint beside it. Exit code 0:
// everything holds. 1: something doesn't, and the last line says what.
package main

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func main() {
	said, err := run(os.Args[1:])
	if err != nil {
		fmt.Println("REFUSED:", err)
		os.Exit(1)
	}
	fmt.Println(said)
}

func run(args []string) (string, error) {
	if len(args) < 3 {
		return "", errors.New("expected a mode, its files and verifier keys")
	}
	switch mode, file, rest := args[0], args[1], args[2:]; {
	case mode == "key":
		return verifierKey(file, rest[0])
	case mode == "bundle":
		return bundle(file, rest)
	case mode == "dump":
		return dump(file, rest)
	case mode == "proof" && len(rest) > 1:
		return proof(file, rest[0], rest[1:])
	case mode == "growth" && len(rest) > 1:
		return growth(file, rest[0], rest[1:])
	case mode == "tiles":
		return tiles(file, rest)
	}
	return "", errors.New("unknown mode")
}

func verifierKey(name, written string) (string, error) {
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(written, "ed25519:"))
	if err != nil {
		return "", err
	}
	return note.NewEd25519VerifierKey(name, ed25519.PublicKey(raw))
}

// openCheckpoint verifies every signature line: all must be by keys that were passed, and one by the log's own.
func openCheckpoint(text []byte, vkeys []string) (tlog.Tree, error) {
	var tree tlog.Tree
	var known []note.Verifier
	for _, vkey := range vkeys {
		verifier, err := newVerifier(vkey)
		if err != nil {
			return tree, err
		}
		known = append(known, verifier)
	}
	opened, err := note.Open(text, note.VerifierList(known...))
	if err != nil {
		return tree, err
	}
	if len(opened.UnverifiedSigs) > 0 {
		return tree, fmt.Errorf("a line by %s, whose key was not passed", opened.UnverifiedSigs[0].Name)
	}
	if !isSignedBy(opened, known[0]) {
		return tree, errors.New("not signed by the log's own key")
	}
	return parseTree(opened.Text, known[0].Name())
}

func isSignedBy(opened *note.Note, verifier note.Verifier) bool {
	for _, signature := range opened.Sigs {
		if signature.Name == verifier.Name() && signature.Hash == verifier.KeyHash() {
			return true
		}
	}
	return false
}

// parseTree lends the checkpoint the first line that the package insists on, and takes back what it writes.
func parseTree(text, origin string) (tlog.Tree, error) {
	const first = "go.sum database tree\n"
	rest := strings.TrimPrefix(text, origin+"\n")
	if rest == text {
		return tlog.Tree{}, errors.New("a checkpoint of another log")
	}
	tree, err := tlog.ParseTree([]byte(first + rest))
	if err == nil && string(tlog.FormatTree(tree)) != first+rest {
		err = errors.New("a checkpoint in another form")
	}
	return tree, err
}

// cosigner is the verifier of a witness (c2sp.org/tlog-cosignature), which the package does not have.
type cosigner struct {
	name string
	hash uint32
	key  ed25519.PublicKey
}

func (c cosigner) Name() string    { return c.name }
func (c cosigner) KeyHash() uint32 { return c.hash }
func (c cosigner) Verify(text, signature []byte) bool {
	if len(signature) != 8+ed25519.SignatureSize {
		return false
	}
	signed := fmt.Sprintf("cosignature/v1\ntime %d\n%s", binary.BigEndian.Uint64(signature), text)
	return ed25519.Verify(c.key, []byte(signed), signature[8:])
}

func newVerifier(vkey string) (note.Verifier, error) {
	parts := strings.SplitN(vkey, "+", 3)
	if len(parts) == 3 {
		hash, err := strconv.ParseUint(parts[1], 16, 32)
		key, err64 := base64.StdEncoding.DecodeString(parts[2])
		if err == nil && err64 == nil && len(key) == 1+ed25519.PublicKeySize && key[0] == 4 {
			return cosigner{parts[0], uint32(hash), key[1:]}, nil
		}
	}
	return note.NewVerifier(vkey)
}

func bundle(file string, vkeys []string) (string, error) {
	var read struct {
		Checkpoint string
		Entries    []struct {
			Entry string
			Proof []string
			Seq   int64
		}
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	if err := json.Unmarshal(raw, &read); err != nil {
		return "", err
	}
	tree, err := openCheckpoint([]byte(read.Checkpoint), vkeys)
	if err != nil {
		return "", err
	}
	for _, each := range read.Entries {
		if err := included(tree, each.Seq, []byte(each.Entry), each.Proof); err != nil {
			return "", fmt.Errorf("entry %d: %w", each.Seq, err)
		}
	}
	return fmt.Sprintf("%d entries are in the log of %d", len(read.Entries), tree.N), nil
}

func included(tree tlog.Tree, seq int64, entry []byte, written []string) error {
	hashes, err := parseHashes(written)
	if err != nil {
		return err
	}
	if seq < 0 || seq >= tree.N {
		return errors.New("not below the size of the log")
	}
	return tlog.CheckRecord(hashes, tree.N, tree.Hash, seq, tlog.RecordHash(entry))
}

func parseHashes(written []string) ([]tlog.Hash, error) {
	hashes := []tlog.Hash{}
	for _, each := range written {
		hash, err := tlog.ParseHash(each)
		if err != nil {
			return nil, err
		}
		hashes = append(hashes, hash)
	}
	return hashes, nil
}

func dump(file string, vkeys []string) (string, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile(file + ".checkpoint")
	if err != nil {
		return "", err
	}
	tree, err := openCheckpoint(text, vkeys)
	if err != nil {
		return "", err
	}
	lines := bytes.Split(raw, []byte("\n"))
	if len(lines[len(lines)-1]) > 0 {
		return "", errors.New("the last line is cut")
	}
	return rebuilt(tree, lines[:len(lines)-1])
}

// rebuilt hashes the entries up to the checkpoint and compares.
func rebuilt(tree tlog.Tree, entries [][]byte) (string, error) {
	if int64(len(entries)) < tree.N {
		return "", fmt.Errorf("%d entries, where the checkpoint covers %d", len(entries), tree.N)
	}
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		var found []tlog.Hash
		for _, index := range indexes {
			found = append(found, stored[index])
		}
		return found, nil
	})
	for n, entry := range entries {
		hashes, err := tlog.StoredHashes(int64(n), entry, reader)
		if err != nil {
			return "", err
		}
		stored = append(stored, hashes...)
	}
	root, err := tlog.TreeHash(tree.N, reader)
	if err != nil {
		return "", err
	}
	if root != tree.Hash {
		return "", errors.New("the entries have another root than the checkpoint")
	}
	return fmt.Sprintf("%d entries have the root %s", tree.N, root), nil
}

// proof reads a tlog-proof: two lines of head, the hashes, an empty line, the checkpoint.
func proof(file, entryFile string, vkeys []string) (string, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	entry, err := os.ReadFile(entryFile)
	if err != nil {
		return "", err
	}
	head, checkpoint, found := strings.Cut(string(raw), "\n\n")
	lines := strings.Split(head, "\n")
	if !found || len(lines) < 2 || lines[0] != "c2sp.org/tlog-proof@v1" || !strings.HasPrefix(lines[1], "index ") {
		return "", errors.New("not a tlog-proof")
	}
	seq, err := strconv.ParseInt(strings.TrimPrefix(lines[1], "index "), 10, 64)
	if err != nil {
		return "", err
	}
	tree, err := openCheckpoint([]byte(checkpoint), vkeys)
	if err != nil {
		return "", err
	}
	if err := included(tree, seq, entry, lines[2:]); err != nil {
		return "", err
	}
	return fmt.Sprintf("entry %d is in the log of %d", seq, tree.N), nil
}

// growth reads what one asks a witness: the old size, the hashes, an empty line, the new checkpoint.
func growth(file, older string, vkeys []string) (string, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	before, err := os.ReadFile(older)
	if err != nil {
		return "", err
	}
	head, checkpoint, found := strings.Cut(string(raw), "\n\n")
	lines := strings.Split(head, "\n")
	if !found {
		return "", errors.New("no checkpoint")
	}
	newer, err := openCheckpoint([]byte(checkpoint), vkeys)
	if err != nil {
		return "", err
	}
	old, err := openCheckpoint(before, vkeys)
	if err != nil {
		return "", err
	}
	if lines[0] != fmt.Sprintf("old %d", old.N) {
		return "", errors.New("a proof from another size")
	}
	hashes, err := parseHashes(lines[1:])
	if err != nil {
		return "", err
	}
	if err := tlog.CheckTree(hashes, newer.N, newer.Hash, old.N, old.Hash); err != nil {
		return "", err
	}
	return fmt.Sprintf("the log of %d entries goes on from the one of %d", newer.N, old.N), nil
}

// folder reads tiles (c2sp.org/tlog-tiles): the paths of the checksum database, without the height in them.
type folder string

func (f folder) Height() int                         { return 8 }
func (f folder) SaveTiles(_ []tlog.Tile, _ [][]byte) {}
func (f folder) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	var read [][]byte
	for _, tile := range wanted {
		data, err := f.read(strings.Replace(tile.Path(), "tile/8/", "tile/", 1))
		if err != nil {
			return nil, err
		}
		read = append(read, data)
	}
	return read, nil
}

func (f folder) read(path string) ([]byte, error) {
	return os.ReadFile(filepath.Join(string(f), filepath.FromSlash(path)))
}

func tiles(name string, vkeys []string) (string, error) {
	shown := folder(name)
	text, err := shown.read("checkpoint")
	if err != nil {
		return "", err
	}
	tree, err := openCheckpoint(text, vkeys)
	if err != nil {
		return "", err
	}
	entries, err := shown.entries(tree.N)
	if err != nil {
		return "", err
	}
	// Every hash that this reader gives has been held against the root of the checkpoint.
	reader := tlog.TileHashReader(tree, shown)
	for n, entry := range entries {
		hashes, err := reader.ReadHashes([]int64{tlog.StoredHashIndex(0, int64(n))})
		if err != nil {
			return "", err
		}
		if hashes[0] != tlog.RecordHash(entry) {
			return "", fmt.Errorf("entry %d is not the one whose hash the tiles hold", n)
		}
	}
	return rebuilt(tree, entries)
}

// entries reads the entry bundles: two bytes of length before each entry.
func (f folder) entries(size int64) ([][]byte, error) {
	var entries [][]byte
	for n := int64(0); n*256 < size; n++ {
		width := size - n*256
		if width > 256 {
			width = 256
		}
		path := tlog.Tile{H: 8, L: 0, N: n, W: int(width)}.Path()
		data, err := f.read(strings.Replace(path, "tile/8/0/", "tile/entries/", 1))
		if err != nil {
			return nil, err
		}
		for len(data) > 0 {
			if len(data) < 2 || len(data) < 2+int(binary.BigEndian.Uint16(data)) {
				return nil, errors.New("an entry bundle that is cut")
			}
			end := 2 + int(binary.BigEndian.Uint16(data))
			entries = append(entries, data[2:end])
			data = data[end:]
		}
	}
	if int64(len(entries)) != size {
		return nil, errors.New("another number of entries than the checkpoint covers")
	}
	return entries, nil
}
