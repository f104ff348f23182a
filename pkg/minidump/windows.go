package minidump

import (
	"fmt"
	"strconv"
)

// WindowsName names a version of Windows, for example "Windows 10" or
// "Windows Server 2012 R2". The product is SystemInfo's ProductType: 1 for a
// workstation, anything else that is not 0 for a server. Builds from 22000 on
// are Windows 11, which calls itself 10.0.
func WindowsName(major, minor, build uint32, product uint8) string {
	server := product > 1
	pick := func(client, srv string) string {
		if server {
			return "Windows Server " + srv
		}
		return "Windows " + client
	}
	switch {
	case major == 5 && minor == 0:
		if server {
			return "Windows 2000 Server"
		}
		return "Windows 2000"
	case major == 5 && minor == 1:
		return "Windows XP"
	case major == 5 && minor == 2:
		return pick("XP x64 Edition", "2003")
	case major == 6 && minor == 0:
		return pick("Vista", "2008")
	case major == 6 && minor == 1:
		return pick("7", "2008 R2")
	case major == 6 && minor == 2:
		return pick("8", "2012")
	case major == 6 && minor == 3:
		return pick("8.1", "2012 R2")
	case major == 10 && server:
		return server10(build)
	case major == 10 && build >= 22000:
		return "Windows 11"
	case major == 10:
		return "Windows 10"
	}
	return fmt.Sprintf("Windows %d.%d", major, minor)
}

// server10 names a server of version 10.0: the long-term releases have years.
func server10(build uint32) string {
	switch build {
	case 14393:
		return "Windows Server 2016"
	case 17763:
		return "Windows Server 2019"
	case 20348:
		return "Windows Server 2022"
	case 26100:
		return "Windows Server 2025"
	}
	return "Windows Server"
}

// Name returns the name of the Windows version with its service pack, and the
// numbers: "Windows 7 Service Pack 1 (6.1.7601)".
//
// Folklore: Crashpad writes the revision where the service pack stands; it
// becomes the fourth number (test TestWindowsName).
func (s SystemInfo) Name() string {
	name := WindowsName(s.Major, s.Minor, s.Build, s.ProductType)
	if s.Platform != PlatformNT {
		name = s.Platform.String()
	}
	numbers := fmt.Sprintf("%d.%d.%d", s.Major, s.Minor, s.Build)
	if _, err := strconv.ParseUint(s.ServicePack, 10, 32); err == nil {
		numbers += "." + s.ServicePack
	} else if s.ServicePack != "" {
		name += " " + s.ServicePack
	}
	return fmt.Sprintf("%s (%s)", name, numbers)
}
