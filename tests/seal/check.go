// Asks Go's sumdb packages about what Alibi made.
//
//	check note NOTE VKEY...   names whose signatures hold, one a line
//	check sign SKEY           signs the three lines of standard input
//	check key NAME            a new signing key and its verification key
//	check proof FILE VKEY LEAF  LEAF (without LF) by a C2SP tlog-proof
//	check tree                compares the lines of `artefacts tree`
package main

import (
	"bufio"
	"crypto/rand"
	"fmt"
	"io"
	"log"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func number(text string) int64 {
	value, err := strconv.ParseInt(text, 10, 64)
	must(err)
	return value
}

func checkNote(file string, keys []string) {
	bytes, err := os.ReadFile(file)
	must(err)
	var verifiers []note.Verifier
	for _, key := range keys {
		verifier, err := note.NewVerifier(key)
		must(err)
		verifiers = append(verifiers, verifier)
	}
	opened, err := note.Open(bytes, note.VerifierList(verifiers...))
	must(err)
	for _, signature := range opened.Sigs {
		fmt.Println(signature.Name)
	}
}

func sign(key string) {
	text, err := io.ReadAll(os.Stdin)
	must(err)
	signer, err := note.NewSigner(key)
	must(err)
	signed, err := note.Sign(&note.Note{Text: string(text)}, signer)
	must(err)
	os.Stdout.Write(signed)
}

// Hashes of Go's own tree over "leaf 0", "leaf 1", ...
type hashes []tlog.Hash

func (stored hashes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	var found []tlog.Hash
	for _, index := range indexes {
		found = append(found, stored[index])
	}
	return found, nil
}

func parseHashes(texts []string) []tlog.Hash {
	var parsed []tlog.Hash
	for _, text := range texts {
		hash, err := tlog.ParseHash(text)
		must(err)
		parsed = append(parsed, hash)
	}
	return parsed
}

func leaf(index int64) []byte { return []byte(fmt.Sprintf("leaf %d", index)) }

func checkPath(fields []string) {
	tile := tlog.Tile{H: 8, L: int(number(fields[1])), N: number(fields[2]), W: int(number(fields[3]))}
	want := strings.Replace(tile.Path(), "tile/8/", "log/tile/", 1)
	if fields[0] == "entries" {
		want = strings.Replace(want, "log/tile/0/", "log/tile/entries/", 1)
	}
	if want != fields[4] {
		log.Fatalf("%s: Go's path is %s", fields[4], want)
	}
}

func checkTree() {
	var stored hashes
	for i := int64(0); i < 1100; i++ {
		more, err := tlog.StoredHashes(i, leaf(i), stored)
		must(err)
		stored = append(stored, more...)
	}
	root := func(size int64) tlog.Hash {
		hash, err := tlog.TreeHash(size, stored)
		must(err)
		return hash
	}
	counts := map[string]int{}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		counts[fields[0]]++
		switch fields[0] {
		case "root":
			if root(number(fields[1])).String() != fields[2] {
				log.Fatal("another root: ", lines.Text())
			}
		case "inclusion":
			index, size := number(fields[1]), number(fields[2])
			proof := parseHashes(fields[3:])
			must(tlog.CheckRecord(proof, size, root(size), index, tlog.RecordHash(leaf(index))))
			if tlog.CheckRecord(proof, size, root(size), index, tlog.RecordHash(leaf(index+1))) == nil {
				log.Fatal("another leaf is believed: ", lines.Text())
			}
		case "consistency":
			older, size := number(fields[1]), number(fields[2])
			must(tlog.CheckTree(parseHashes(fields[3:]), size, root(size), older, root(older)))
		default:
			checkPath(fields)
		}
	}
	must(lines.Err())
	for _, kind := range []string{"root", "inclusion", "consistency", "tile", "entries"} {
		fmt.Println(kind, counts[kind])
	}
}

func checkProof(file, key, leaf string) {
	bytes, err := os.ReadFile(file)
	must(err)
	head, signed, found := strings.Cut(string(bytes), "\n\n")
	lines := strings.Split(head, "\n")
	if !found || len(lines) < 2 || lines[0] != "c2sp.org/tlog-proof@v1" {
		log.Fatal("no tlog-proof")
	}
	verifier, err := note.NewVerifier(key)
	must(err)
	opened, err := note.Open([]byte(signed), note.VerifierList(verifier))
	must(err)
	checkpoint := strings.Split(opened.Text, "\n")
	index := number(strings.TrimPrefix(lines[1], "index "))
	must(tlog.CheckRecord(parseHashes(lines[2:]), number(checkpoint[1]), parseHashes(checkpoint[2:3])[0],
		index, tlog.RecordHash([]byte(leaf+"\n"))))
}

func main() {
	switch os.Args[1] {
	case "note":
		checkNote(os.Args[2], os.Args[3:])
	case "sign":
		sign(os.Args[2])
	case "key":
		secret, public, err := note.GenerateKey(rand.Reader, os.Args[2])
		must(err)
		fmt.Println(secret)
		fmt.Println(public)
	case "proof":
		checkProof(os.Args[2], os.Args[3], os.Args[4])
	case "tree":
		checkTree()
	default:
		os.Exit(2)
	}
}
