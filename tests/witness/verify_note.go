// Verifies a note with Go's sumdb/note, which knows nothing of Alibi: reads it from
// standard input; arguments are verification keys, all of which must have signed.
// Cosignatures (type 4) get the message of C2SP tlog-cosignature.
package main

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

type cosigner struct {
	name string
	hash uint32
	key  ed25519.PublicKey
}

func (c cosigner) Name() string    { return c.name }
func (c cosigner) KeyHash() uint32 { return c.hash }
func (c cosigner) Verify(msg, sig []byte) bool {
	if len(sig) != 8+ed25519.SignatureSize {
		return false
	}
	time := strconv.FormatUint(binary.BigEndian.Uint64(sig), 10)
	return ed25519.Verify(c.key, append([]byte("cosignature/v1\ntime "+time+"\n"), msg...), sig[8:])
}

func verifier(vkey string) (note.Verifier, error) {
	parts := strings.SplitN(vkey, "+", 3)
	raw, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil {
		return nil, err
	}
	if raw[0] != 4 {
		return note.NewVerifier(vkey)
	}
	hash, err := strconv.ParseUint(parts[1], 16, 32)
	return cosigner{parts[0], uint32(hash), raw[1:]}, err
}

func main() {
	text, err := io.ReadAll(os.Stdin)
	var known []note.Verifier
	for _, vkey := range os.Args[1:] {
		v, wrong := verifier(vkey)
		if wrong != nil {
			fmt.Println(wrong)
			os.Exit(1)
		}
		known = append(known, v)
	}
	opened, err := note.Open(text, note.VerifierList(known...))
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	if len(opened.Sigs) != len(known) {
		fmt.Printf("signed by %d of %d\n", len(opened.Sigs), len(known))
		os.Exit(1)
	}
	fmt.Println("ok")
}
