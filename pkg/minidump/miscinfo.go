package minidump

import (
	"encoding/binary"
	"fmt"
	"time"
)

// MiscFlags say which fields of a MiscInfo are valid (MINIDUMP_MISC*_…).
type MiscFlags uint32

// The flags of MiscInfo (minidumpapiset.h).
const (
	MiscProcessID        MiscFlags = 0x001
	MiscProcessTimes     MiscFlags = 0x002
	MiscProcessorPower   MiscFlags = 0x004
	MiscProcessIntegrity MiscFlags = 0x010
	MiscExecuteFlags     MiscFlags = 0x020
	MiscTimeZone         MiscFlags = 0x040
	MiscProtectedProcess MiscFlags = 0x080
	MiscBuildString      MiscFlags = 0x100
	MiscProcessCookie    MiscFlags = 0x200
)

// MiscInfo is the MiscInfo stream, which grew four times (MINIDUMP_MISC_INFO,
// _2 … _5, of 24, 44, 232, 832 and 1364 bytes). A field that the dump does not
// have is zero, and its flag is not set.
type MiscInfo struct {
	Size        uint32    // bytes, as SizeOfInfo says: tells the version
	Flags       MiscFlags // what is valid, as far as the stream reaches
	ProcessID   uint32
	Created     time.Time     // of the process
	UserTime    time.Duration // whole seconds
	KernelTime  time.Duration // whole seconds
	Power       Power
	Integrity   uint32 // of the process: 0x1000 low, 0x2000 medium, 0x3000 high, 0x4000 system
	Execute     uint32 // process execute flags (DEP)
	Protected   bool
	TimeZoneID  uint32 // 1 standard, 2 daylight saving
	TimeZone    TimeZone
	BuildString string // of Windows, for example "10.0.19041.1 (WinBuild.160101.0800)"
	DebugString string // of the debugging library that wrote the dump
	Cookie      uint32 // process cookie: RtlEncodePointer's key
}

// Power is the processor's power information.
type Power struct {
	MaxMHz, CurrentMHz, LimitMHz uint32
	MaxIdle, CurrentIdle         uint32
}

// TimeZone is a TIME_ZONE_INFORMATION without its dates.
type TimeZone struct {
	Bias         int32 // minutes; UTC = local time + bias
	Standard     string
	StandardBias int32
	Daylight     string
	DaylightBias int32
}

// MiscInfo reads the MiscInfo stream. The error is [ErrNoStream] when the dump
// has none, and another when it is too short to be read.
func (f *File) MiscInfo() (MiscInfo, error) {
	p, ok := f.open(MiscInfoStream, nil)
	if !ok {
		return MiscInfo{}, fmt.Errorf("MiscInfo: %w", ErrNoStream)
	}
	b := p.data
	if len(b) < 8 {
		return MiscInfo{}, fmt.Errorf("MiscInfo: %d bytes at file offset %#x, 24 are needed", len(b), p.off)
	}
	le := binary.LittleEndian
	m := MiscInfo{Size: le.Uint32(b)}
	b = b[:min(uint64(m.Size), uint64(len(b)))]
	if len(b) < 24 {
		return MiscInfo{}, fmt.Errorf("MiscInfo: SizeOfInfo is %d at file offset %#x, 24 are needed", m.Size, p.off)
	}
	m.Flags = MiscFlags(le.Uint32(b[4:]))
	// valid drops the flags of fields that the stream is too short for.
	valid := func(flags MiscFlags, need int) bool {
		if len(b) < need {
			m.Flags &^= flags
		}
		return m.Flags&flags != 0
	}
	second := func(off int) time.Duration { return time.Duration(le.Uint32(b[off:])) * time.Second }
	if valid(MiscProcessID, 24) {
		m.ProcessID = le.Uint32(b[8:])
	}
	if valid(MiscProcessTimes, 24) {
		m.Created, m.UserTime, m.KernelTime = unix(le.Uint32(b[12:])), second(16), second(20)
	}
	if valid(MiscProcessorPower, 44) {
		m.Power = Power{le.Uint32(b[24:]), le.Uint32(b[28:]), le.Uint32(b[32:]), le.Uint32(b[36:]), le.Uint32(b[40:])}
	}
	m.later(b, valid)
	return m, nil
}

// later reads what versions 3 to 5 added.
func (m *MiscInfo) later(b []byte, valid func(MiscFlags, int) bool) {
	le := binary.LittleEndian
	if valid(MiscProcessIntegrity, 0xe8) {
		m.Integrity = le.Uint32(b[0x2c:])
	}
	if valid(MiscExecuteFlags, 0xe8) {
		m.Execute = le.Uint32(b[0x30:])
	}
	if valid(MiscProtectedProcess, 0xe8) {
		m.Protected = le.Uint32(b[0x34:]) != 0
	}
	if valid(MiscTimeZone, 0xe8) {
		m.TimeZoneID = le.Uint32(b[0x38:])
		m.TimeZone = TimeZone{
			Bias:     int32(le.Uint32(b[0x3c:])),
			Standard: upToZero(b[0x40:0x80]), StandardBias: int32(le.Uint32(b[0x90:])),
			Daylight: upToZero(b[0x94:0xd4]), DaylightBias: int32(le.Uint32(b[0xe4:])),
		}
	}
	if valid(MiscBuildString, 0x340) {
		m.BuildString, m.DebugString = upToZero(b[0xe8:0x2f0]), upToZero(b[0x2f0:0x340])
	}
	if valid(MiscProcessCookie, 0x554) {
		m.Cookie = le.Uint32(b[0x550:])
	}
}
