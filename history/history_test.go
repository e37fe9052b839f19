package history

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// full uses every field, with what needs quoting in each text.
var full = Record{
	At: 12*time.Second + 400*time.Millisecond + 7, Actor: "-", Verb: Call, Kind: "a b", Key: "=\"\\\x00",
	Value: "k8s:app=web é\xff\n", Op: "put", Owner: "CiliumEndpointSlice/ns1/ces-a", Peer: "a0",
	Store: "00000000000000ff", End: "\x00", RV: 1, Rev: -2, Inc: 3, From: time.Nanosecond, More: true, Err: "no \"leader\"", Ask: "=7", ID: 9, Bytes: 4096, Source: "crd", Session: 2,
}

func write(t require.TestingT, plan string, records []Record) ([]byte, string) {
	var b bytes.Buffer
	w, err := NewWriter(&b, plan)
	require.NoError(t, err)
	for i := range records {
		require.NoError(t, w.Write(&records[i]))
	}
	hash, err := w.Close()
	require.NoError(t, err)
	return b.Bytes(), hash
}

func TestFileForm(t *testing.T) {
	file, hash := write(t, `{"seed":7}`, []Record{
		{Actor: "world", Verb: Phase, Key: "start"},
		{At: 12400 * time.Millisecond, Actor: "k0", Verb: Truth, Kind: Identity, Key: "65537", Value: "k8s:app=web", Op: "put", Owner: "CiliumIdentity/65537", RV: 57},
		{At: 12403118 * time.Microsecond, Actor: "a3", Verb: See, Kind: Endpoint, Key: "10.0.0.5", Value: "id=65537 host=192.168.0.3 pod=ns1/web-0", Op: "watch", Inc: 1, Source: "clustermesh", Peer: "r0", Session: 2},
		full,
	}[:3])
	require.Equal(t, `meshcheck-history 4
plan {"seed":7}
0.000000000 world phase - start
12.400000000 k0 truth identity 65537 value=k8s:app=web op=put owner=CiliumIdentity/65537 rv=57
12.403118000 a3 see endpoint 10.0.0.5 value="id=65537 host=192.168.0.3 pod=ns1/web-0" op=watch peer=r0 inc=1 source=clustermesh session=2
end records=3 sha256=`+hash+"\n", string(file))
	require.Equal(t,
		`12.400000007 "-" call "a b" "=\"\\\x00" value="k8s:app=web é\xff\n" op=put owner=CiliumEndpointSlice/ns1/ces-a peer=a0 store=00000000000000ff end="\x00" rv=1 rev=-2 inc=3 from=0.000000001 more=true err="no \"leader\"" ask==7 id=9 bytes=4096 source=crd session=2`,
		full.String())
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	texts := rapid.OneOf(rapid.SampledFrom([]string{"", "-", "a0", "id=1 host=2"}), rapid.String(), rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }))
	times := rapid.Int64Range(0, int64(endOfTime)-1)
	rapid.Check(t, func(t *rapid.T) {
		records := rapid.SliceOf(rapid.Custom(func(t *rapid.T) Record {
			return Record{
				Actor: texts.Draw(t, "actor"), Verb: rapid.SampledFrom(allVerbs).Draw(t, "verb"), Kind: texts.Draw(t, "kind"),
				Key: texts.Draw(t, "key"), Value: texts.Draw(t, "value"), Op: texts.Draw(t, "op"), Owner: texts.Draw(t, "owner"),
				Peer: texts.Draw(t, "peer"), Store: texts.Draw(t, "store"), End: texts.Draw(t, "end"), Err: texts.Draw(t, "err"), Ask: texts.Draw(t, "ask"),
				RV: rapid.Int64().Draw(t, "rv"), Rev: rapid.Int64().Draw(t, "rev"), Inc: rapid.Int().Draw(t, "inc"),
				From: time.Duration(times.Draw(t, "from")), More: rapid.Bool().Draw(t, "more"),
				ID: rapid.Int64().Draw(t, "id"), Bytes: rapid.Int64().Draw(t, "bytes"),
				Source: texts.Draw(t, "source"), Session: rapid.Int64().Draw(t, "session"),
			}
		})).Draw(t, "records")
		step := int64(endOfTime) / int64(len(records)+1)
		for i := range records {
			records[i].At = time.Duration(int64(i)*step + rapid.Int64Range(0, step-1).Draw(t, "at"))
		}
		file, hash := write(t, `{}`, records)
		h, err := Read(bytes.NewReader(file))
		require.NoError(t, err)
		require.Equal(t, hash, h.Hash)
		require.True(t, slices.Equal(records, h.Records))
	})
}

func TestReadInSmallPieces(t *testing.T) {
	long := full
	long.Value = strings.Repeat("x", 3*blockSize) + " "
	file, hash := write(t, `{}`, []Record{full, long, full})
	h, err := Read(iotest.OneByteReader(bytes.NewReader(file)))
	require.NoError(t, err)
	require.Equal(t, &History{Version: Version, Plan: `{}`, Records: []Record{full, long, full}, Hash: hash}, h)
}

func TestParse(t *testing.T) {
	records, err := Parse(`
# the agent sees it late
0 k0 truth identity 65537 rv=57 owner=CiliumIdentity/65537 op=put value="k8s:app=web"
12.5 a3 see "identity" 65537 inc=1 value=k8s:app=web`)
	require.NoError(t, err)
	require.Equal(t, []Record{
		{Actor: "k0", Verb: Truth, Kind: Identity, Key: "65537", Value: "k8s:app=web", Op: "put", Owner: "CiliumIdentity/65537", RV: 57},
		{At: 12500 * time.Millisecond, Actor: "a3", Verb: See, Kind: Identity, Key: "65537", Value: "k8s:app=web", Inc: 1},
	}, records)
}

func TestParseRefuses(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{"12,4 a0 see node n0", `time "12,4" is not seconds such as 12.400000000`},
		{"1. a0 see node n0", `time "1." is not seconds`},
		{"1.1234567890 a0 see node n0", `time "1.1234567890" is not seconds`},
		{"1000000000 a0 see node n0", `time "1000000000" is not seconds`},
		{" a0 see node n0", `time is empty; an empty word is written "-"`},
		{"1 a0 see node", `key is missing; a record is "time actor verb kind key"`},
		{"1 a0 see  node n0", `kind is empty`},
		{"1 a0 saw node n0", `unknown verb "saw"; known are phase, fault,`},
		{`1 a0 see node "n0`, `key has no closing quote: "\"n0"`},
		{`1 a0 see node "n0\"`, `key has no closing quote`},
		{`1 a0 see node "\q"`, `key is not a valid quoted string`},
		{`1 a0 see node "n0"x`, `expected a space or the line's end at "x"`},
		{`1 a0 see node n"0"`, `key must be quoted`},
		{"1 a0 see node né", `key must be quoted: "n\u00e9"`},
		{"1 a0 see node n0 ", `expected name=value at ""`},
		{"1 a0 see node n0 value", `expected name=value at "value"`},
		{"1 a0 see node n0 value=", `value is empty`},
		{"1 a0 see node n0 version=1", `unknown name "version"; known are value, op,`},
		{"1 a0 see node n0 inc=1 inc=1", `inc occurs twice`},
		{"1 a0 see node n0 inc=one", `inc "one" is not a decimal integer of 64 bits`},
		{"1 a0 see node n0 more=yes", `more "yes" is not "true"`},
		{"1 a0 call node n0 from=-1", `from "-1" is not seconds`},
		{"0.5 a0 see node n0", "time 500ms is before that of the record above, 1s"},
	} {
		t.Run(c.line, func(t *testing.T) {
			_, err := Parse("1 a0 see node n0\n" + c.line)
			require.ErrorContains(t, err, "history: line 2: "+c.want)
			require.Less(t, len(err.Error()), 280)
		})
	}
}

func TestReadRefuses(t *testing.T) {
	good, _ := write(t, `{}`, []Record{full})
	swap := func(old, new string) string { return strings.Replace(string(good), old, new, 1) }
	for _, c := range []struct{ name, file, want string }{
		{"nothing", "", "history: not a history file: line 1 should be"},
		{"binary", "\x7fELF\x00\x01" + strings.Repeat("\x00\xff", 1000), `history: not a history file: line 1 should be "meshcheck-history 4"`},
		{"other version", swap("history 4", "history 5"), `history: version "5" of the file form is not known; this reader knows versions 1 to 4`},
		{"no plan", swap("plan {}", "plan"), `history: line 2: "plan" should be "plan" and one line of JSON`},
		{"plan not JSON", swap("plan {}", "plan {"), `history: line 2: "plan {" should be "plan" and one line of JSON`},
		{"bad record", swap(" call ", " cull "), `history: line 3: unknown verb "cull"`},
		{"cut after a line", string(good[:bytes.LastIndex(good, []byte("end "))]), "history: the file ends after line 3 without an end line: it is truncated"},
		{"cut in a line", string(good[:len(good)-1]), "history: the file ends after line 3 without an end line: it is truncated"},
		{"head only", header + "\n", "history: the file ends after line 1 without an end line: it is truncated"},
		{"wrong count", swap("records=1", "records=2"), "history: line 4: the end line counts 2 records, but the file holds 1"},
		{"malformed end", swap("end records=1", "end records="), `history: line 4: "end records= sha256=`},
		{"changed", swap("inc=3", "inc=4"), "history: line 4: the end line's sha256 is"},
		{"more after the end", string(good) + "x", "history: line 4: nothing may follow the end line"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h, err := Read(strings.NewReader(c.file))
			require.ErrorContains(t, err, c.want)
			require.Nil(t, h)
			require.Less(t, len(err.Error()), 300)
		})
	}
	_, err := Read(iotest.ErrReader(os.ErrDeadlineExceeded))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
}

func TestWriterRefuses(t *testing.T) {
	_, err := NewWriter(io.Discard, "{\n}")
	require.EqualError(t, err, `history: plan "{\n}" is not one line of JSON`)
	for _, c := range []struct {
		record Record
		want   string
	}{
		{Record{At: 1, Verb: See}, "history: record 1: time 1ns is before that of the last record, 1s; records are in order of time"},
		{Record{At: endOfTime, Verb: See}, "history: record 1: time 277777h46m40s or from 0s is not between 0 and 277777h46m40s"},
		{Record{At: time.Second, From: -1, Verb: Call}, "history: record 1: time 1s or from -1ns is not between"},
		{Record{At: time.Second, Verb: "saw"}, `history: record 1: unknown verb "saw"; known are phase,`},
	} {
		w, err := NewWriter(io.Discard, "{}")
		require.NoError(t, err)
		require.NoError(t, w.Write(&Record{At: time.Second, Verb: See}))
		require.ErrorContains(t, w.Write(&c.record), c.want)
		_, err = w.Close()
		require.ErrorContains(t, err, c.want, "the first error stays")
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestWriterReportsTheUnderlyingError(t *testing.T) {
	w, err := NewWriter(failing{}, "{}")
	require.NoError(t, err)
	for i := 0; w.Write(&full) == nil; i++ {
		require.Less(t, i, blockSize, "a block was not written")
	}
	_, err = w.Close()
	require.ErrorIs(t, err, io.ErrClosedPipe)
}

func TestDiff(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want *Difference
	}{
		{"", "", nil},
		{"x\ny\n", "x\ny\n", nil},
		{"x\ny\n", "x\nz\n", &Difference{2, "y\n", "z\n"}},
		{"x\ny\n", "x\n", &Difference{2, "y\n", ""}},
		{"x\n", "x\npart", &Difference{2, "", "part"}},
	} {
		d, err := Diff(strings.NewReader(c.a), iotest.HalfReader(strings.NewReader(c.b)))
		require.NoError(t, err)
		require.Equal(t, c.want, d)
	}
	_, err := Diff(strings.NewReader("x\n"), iotest.ErrReader(io.ErrClosedPipe))
	require.ErrorIs(t, err, io.ErrClosedPipe)
	require.Equal(t, "line 2:\n- \"y\\n\"\n+ \"z\"", Difference{2, "y\n", "z"}.String())
}

func TestValueHash(t *testing.T) {
	require.Equal(t, "cbf29ce484222325", ValueHash(nil), "FNV-1a's offset basis")
	require.Equal(t, "af63dc4c8601ec8c", ValueHash([]byte("a")), "a published test vector")
}

func FuzzRead(f *testing.F) {
	file, _ := write(f, `{}`, []Record{full, {At: time.Minute, Verb: Net}})
	f.Add(file)
	f.Add([]byte(header + "\nplan {}\n0 - net - - from=0.1 value=\"\\u00e9\"\nend records=1 sha256="))
	f.Fuzz(func(t *testing.T, data []byte) {
		records, err := Parse(string(data))
		if err == nil {
			again, err := Parse(text(records))
			require.NoError(t, err)
			require.Equal(t, records, again)
		}
		if h, err := Read(bytes.NewReader(data)); err == nil {
			file, _ := write(t, h.Plan, h.Records)
			again, err := Read(bytes.NewReader(file))
			require.NoError(t, err)
			require.Equal(t, h.Records, again.Records)
		}
	})
}

func text(records []Record) string {
	var b strings.Builder
	for i := range records {
		b.WriteString(records[i].String() + "\n")
	}
	return b.String()
}

// typical is what most records of a run are like: agents that see endpoints.
func typical(n int) []Record {
	records := make([]Record, n)
	for i := range records {
		entry := i / 6 % 500
		records[i] = Record{
			At: time.Duration(i) * 317 * time.Microsecond, Actor: fmt.Sprintf("a%d", i%6), Verb: See, Kind: Endpoint,
			Key: fmt.Sprintf("10.0.%d.%d", entry/250, entry%250), Value: fmt.Sprintf("id=%d host=192.168.0.%d pod=ns%d/web-%d", 65536+entry%40, entry%20, entry%10, entry),
			Peer: fmt.Sprintf("r%d", i%2), Store: fmt.Sprintf("4f1c8e2a90b3d71%d", i%2), Inc: 1,
		}
	}
	return records
}

func BenchmarkWrite(b *testing.B) {
	records := typical(100_000)
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		w, err := NewWriter(io.Discard, "{}")
		require.NoError(b, err)
		for i := range records {
			if err := w.Write(&records[i]); err != nil {
				b.Fatal(err)
			}
		}
		_, err = w.Close()
		require.NoError(b, err)
		n += len(records)
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "records/s")
}

func BenchmarkRead(b *testing.B) {
	file, _ := write(b, "{}", typical(100_000))
	b.SetBytes(int64(len(file)))
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		h, err := Read(bytes.NewReader(file))
		require.NoError(b, err)
		n += len(h.Records)
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "records/s")
}

func TestEarlierVersionsAreRead(t *testing.T) {
	see := "12.400000000 a0 see node n0 value=x peer=r0 store=00000000000000ff inc=1\n"
	withOrigin := strings.TrimSuffix(see, "\n") + " source=clustermesh session=4\n"
	for version, record := range map[int]string{1: see, 2: see, 3: withOrigin, 4: withOrigin} {
		text := fmt.Sprintf("meshcheck-history %d\nplan {}\n%s", version, record)
		h, err := Read(strings.NewReader(fmt.Sprintf("%send records=1 sha256=%x\n", text, sha256.Sum256([]byte(text)))))
		require.NoError(t, err)
		require.Equal(t, version, h.Version)
		require.Len(t, h.Records, 1)
		want := Origin{Server: "r0", Store: "00000000000000ff"}
		if record == withOrigin {
			want.Source, want.Session = "clustermesh", 4
		}
		require.Equal(t, want, h.Records[0].Origin())
	}
}

func TestSetOrigin(t *testing.T) {
	o := Origin{Source: "crd", Server: "k1", Store: "s", Session: 3}
	var r Record
	r.SetOrigin(o)
	require.Equal(t, o, r.Origin())
}
