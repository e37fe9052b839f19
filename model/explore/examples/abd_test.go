package examples

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/meshcheck/meshcheck/model/explore"
	"github.com/meshcheck/meshcheck/model/explore/trace"
)

// The greatest numbers of servers and clients of an ABD model.
const (
	maxServers = 3
	maxClients = 3
)

// Stamp orders the values of the register: by clock, then by the server that
// wrote it.
type Stamp struct{ Clock, Server uint8 }

func (s Stamp) less(t Stamp) bool {
	return cmp.Or(cmp.Compare(s.Clock, t.Clock), cmp.Compare(s.Server, t.Server)) < 0
}

// MsgKind is the kind of a message between clients and servers, or servers.
type MsgKind uint8

// The kinds of messages.
const (
	Put MsgKind = iota
	PutOk
	Get
	GetOk
	Query
	AckQuery
	Record
	AckRecord
)

func (k MsgKind) String() string {
	return [...]string{"Put", "PutOk", "Get", "GetOk", "Query", "AckQuery", "Record", "AckRecord"}[k]
}

// Msg is a message. Hosts are numbered, servers first. Fields that a kind does not
// need are zero.
type Msg struct {
	From, To uint8
	Kind     MsgKind
	Client   uint8 // whose request it is about
	Op       uint8 // which of the client's requests: 0 its write, 1 its read
	Stamp    Stamp
	Value    uint8
}

func (m Msg) String() string {
	s := fmt.Sprintf("%d->%d %v c%d.%d", m.From, m.To, m.Kind, m.Client, m.Op)
	switch m.Kind {
	case Put, GetOk:
		s += fmt.Sprintf(" v%d", m.Value)
	case AckQuery, Record:
		s += fmt.Sprintf(" v%d@%d.%d", m.Value, m.Stamp.Clock, m.Stamp.Server)
	}
	return s
}

func compareMsgs(a, b Msg) int {
	return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To), cmp.Compare(a.Kind, b.Kind),
		cmp.Compare(a.Client, b.Client), cmp.Compare(a.Op, b.Op), cmp.Compare(a.Value, b.Value),
		cmp.Compare(a.Stamp.Clock, b.Stamp.Clock), cmp.Compare(a.Stamp.Server, b.Stamp.Server))
}

// Server is a replica of the register, and what it is doing for a client.
type Server struct {
	Stamp Stamp
	Value uint8

	Phase   uint8 // 0: nothing, 1: asking a majority, 2: telling a majority
	Client  uint8
	Op      uint8
	Write   uint8 // value to write, or zero for a read
	Read    uint8 // phase 2 of a read: the answer
	Replied [maxServers]bool
	Stamps  [maxServers]Stamp // phase 1: the answers
	Values  [maxServers]uint8
}

// Client writes once, if it is a writer, and then reads once. What is recorded beside its progress is
// what linearizability depends on.
type Client struct {
	Stage uint8 // 0: writing or, a reader, idle; 1: reading; 2: done
	// Before is, for each client, how many of its requests had been answered
	// when this one began to read.
	Before [maxClients]uint8
	Got    uint8 // what it read
}

// ABDState is a state of ABD. Net is sorted.
type ABDState struct {
	Servers [maxServers]Server
	Clients [maxClients]Client
	Net     []Msg
}

// ABD is the linearizable register of H. Attiya, A. Bar-Noy and D. Dolev, "Sharing
// Memory Robustly in Message-Passing Systems", JACM 42(1), 1995, for several
// writers: a request is served by asking a majority of the servers for the latest
// value and telling it to a majority. Each writer writes its own value once, and
// then reads once from the next server; a reader reads once, at any time. Messages may overtake
// each other but are not lost. With writers only it is the model of
// examples/linearizable-register.rs in https://github.com/stateright/stateright.
// With tellReads false a read tells nobody what it found, which is not linearizable.
func ABD(writers, readers, servers int, tellReads bool) *explore.Model[ABDState] {
	m := explore.New[ABDState](fmt.Sprintf("ABD register, %d writers, %d readers, %d servers", writers, readers, servers))
	a := &abd{writers: writers, clients: writers + readers, servers: servers, tellReads: tellReads}
	var start ABDState
	for i := range servers {
		start.Servers[i].Stamp.Server = uint8(i)
	}
	for c := range writers {
		host := servers + c
		start.send(Msg{From: uint8(host), To: uint8(host % servers), Kind: Put, Client: uint8(c), Value: uint8(c + 1)})
	}
	m.Init(start)
	for c := writers; c < a.clients; c++ {
		m.Action(fmt.Sprintf("Begin(c%d)", c), func(s *ABDState) bool {
			if s.Clients[c].Stage != 0 {
				return false
			}
			s.Clients[c].Stage = 1
			a.read(s, c, servers+c)
			return true
		})
	}
	m.Choice("Deliver", func(s *ABDState) int { return len(s.Net) }, a.deliver).
		Label(func(s *ABDState, i int) string { return s.Net[i].String() })
	m.Invariant("linearizable", func(s *ABDState) bool {
		var done [maxClients]uint8
		for c := writers; c < a.clients; c++ {
			done[c] = 1 // it has no write
		}
		return a.explained(s, done, 0)
	})
	m.Sometimes("value chosen", func(s *ABDState) bool {
		return slices.ContainsFunc(s.Net, func(g Msg) bool { return g.Kind == GetOk && g.Value != 0 })
	})
	m.Show(a.show)
	return m
}

// show lists the servers, the clients and the messages under way.
func (a *abd) show(s *ABDState) (vars []trace.Var) {
	for i, v := range s.Servers[:a.servers] {
		name := fmt.Sprintf("s%d", i)
		vars = append(vars, trace.Var{Name: name, Value: fmt.Sprintf("v%d@%d.%d", v.Value, v.Stamp.Clock, v.Stamp.Server)})
		job := "none"
		if v.Phase != 0 {
			job = fmt.Sprintf("%s for c%d.%d (%d replied)", [...]string{"", "ask", "tell"}[v.Phase], v.Client, v.Op, v.replies())
		}
		vars = append(vars, trace.Var{Name: name + " job", Value: job})
	}
	for i, c := range s.Clients[:a.clients] {
		did := [...]string{"writes", "reads", fmt.Sprintf("has read v%d", c.Got)}[c.Stage]
		if c.Stage == 0 && i >= a.writers {
			did = "idle"
		}
		vars = append(vars, trace.Var{Name: fmt.Sprintf("c%d", i), Value: did})
	}
	net := trace.Var{Name: "net", List: true}
	for _, m := range s.Net {
		net.Items = append(net.Items, m.String())
	}
	return append(vars, net)
}

func (s *ABDState) send(m Msg) {
	i, _ := slices.BinarySearchFunc(s.Net, m, compareMsgs)
	s.Net = slices.Insert(s.Net, i, m)
}

// abd is the size of a model.
type abd struct {
	writers, clients, servers int
	tellReads                 bool
}

func (a *abd) majority() int { return a.servers/2 + 1 }

// deliver delivers a message, unless its receiver has no use for it (now).
func (a *abd) deliver(s *ABDState, i int) bool {
	m := s.Net[i]
	if !a.expected(s, m) {
		return false
	}
	s.Net = slices.Delete(s.Net, i, i+1)
	if int(m.To) >= a.servers {
		a.clientReceives(s, m)
	} else {
		a.serverReceives(s, m)
	}
	return true
}

func (a *abd) expected(s *ABDState, m Msg) bool {
	switch m.Kind {
	case Put, Get:
		return s.Servers[m.To].Phase == 0
	case AckQuery:
		return s.Servers[m.To].serves(m, 1)
	case AckRecord:
		return s.Servers[m.To].serves(m, 2) && !s.Servers[m.To].Replied[m.From]
	}
	return true
}

func (v *Server) serves(m Msg, phase uint8) bool {
	return v.Phase == phase && v.Client == m.Client && v.Op == m.Op
}

func (a *abd) clientReceives(s *ABDState, m Msg) {
	c := &s.Clients[m.Client]
	c.Stage++
	if m.Kind == GetOk {
		c.Got = m.Value
		return
	}
	a.read(s, int(m.Client), int(m.To)+1)
}

// read has a client send its read to a server, and records which requests have
// been answered before.
func (a *abd) read(s *ABDState, client, server int) {
	for i, other := range s.Clients[:a.clients] {
		if i != client {
			s.Clients[client].Before[i] = other.Stage
		}
	}
	s.send(Msg{From: uint8(a.servers + client), To: uint8(server % a.servers), Kind: Get, Client: uint8(client), Op: 1})
}

func (a *abd) serverReceives(s *ABDState, m Msg) {
	me := m.To
	v := &s.Servers[me]
	reply := Msg{From: me, To: m.From, Client: m.Client, Op: m.Op}
	switch m.Kind {
	case Put, Get:
		v.Phase, v.Client, v.Op, v.Write = 1, m.Client, m.Op, m.Value
		v.reply(me, v.Stamp, v.Value)
		a.broadcast(s, Msg{From: me, Kind: Query, Client: m.Client, Op: m.Op})
	case Query:
		reply.Kind, reply.Stamp, reply.Value = AckQuery, v.Stamp, v.Value
		s.send(reply)
	case AckQuery:
		v.reply(m.From, m.Stamp, m.Value)
		if v.replies() == a.majority() {
			a.tell(s, me)
		}
	case Record:
		reply.Kind = AckRecord
		s.send(reply)
		if v.Stamp.less(m.Stamp) {
			v.Stamp, v.Value = m.Stamp, m.Value
		}
	case AckRecord:
		v.Replied[m.From] = true
		if v.replies() == a.majority() {
			a.answer(s, me)
		}
	}
}

func (v *Server) reply(from uint8, st Stamp, value uint8) {
	v.Replied[from], v.Stamps[from], v.Values[from] = true, st, value
}

func (v *Server) replies() (n int) {
	for _, r := range v.Replied {
		if r {
			n++
		}
	}
	return n
}

// tell begins the second phase: the latest value that a majority knows, or the
// value to be written with a later stamp, is told to all.
func (a *abd) tell(s *ABDState, me uint8) {
	v := &s.Servers[me]
	var st Stamp
	value, known := uint8(0), false
	for i, r := range v.Replied {
		if r && (!known || st.less(v.Stamps[i])) {
			st, value, known = v.Stamps[i], v.Values[i], true
		}
	}
	v.Read = value
	if v.Write != 0 {
		st, value, v.Read = Stamp{st.Clock + 1, me}, v.Write, 0
	}
	if v.Write == 0 && !a.tellReads {
		a.answer(s, me)
		return
	}
	if v.Stamp.less(st) {
		v.Stamp, v.Value = st, value
	}
	v.Phase, v.Write = 2, 0
	v.Replied, v.Stamps, v.Values = [maxServers]bool{}, [maxServers]Stamp{}, [maxServers]uint8{}
	v.Replied[me] = true
	a.broadcast(s, Msg{From: me, Kind: Record, Client: v.Client, Op: v.Op, Stamp: st, Value: value})
}

// answer ends the request that the server was serving.
func (a *abd) answer(s *ABDState, me uint8) {
	v := &s.Servers[me]
	m := Msg{From: me, To: uint8(a.servers) + v.Client, Kind: PutOk, Client: v.Client, Op: v.Op}
	if v.Op == 1 {
		m.Kind, m.Value = GetOk, v.Read
	}
	*v = Server{Stamp: v.Stamp, Value: v.Value}
	s.send(m)
}

func (a *abd) broadcast(s *ABDState, m Msg) {
	for to := range a.servers {
		if to != int(m.From) {
			m.To = uint8(to)
			s.send(m)
		}
	}
}

// explained reports whether the requests answered so far, with some of those under
// way, can be put in one order that explains what was read. It tries every request
// as the next one: done requests of each client come before it, after which the
// register holds value.
func (a *abd) explained(s *ABDState, done [maxClients]uint8, value uint8) bool {
	complete := true
	for c := range a.clients {
		complete = complete && done[c] >= s.Clients[c].Stage
	}
	if complete {
		return true
	}
	for c := range a.clients {
		cl, op := &s.Clients[c], done[c]
		if op > cl.Stage || op > 1 || op == 1 && !a.after(done, cl.Before) {
			continue // not yet begun, or answered requests must come before it
		}
		next, after := done, value
		next[c]++
		if op == 0 {
			after = uint8(c + 1)
		} else if cl.Stage == 2 && cl.Got != value {
			continue
		}
		if a.explained(s, next, after) {
			return true
		}
	}
	return false
}

func (a *abd) after(done, before [maxClients]uint8) bool {
	for c := range a.clients {
		if done[c] < before[c] {
			return false
		}
	}
	return true
}
