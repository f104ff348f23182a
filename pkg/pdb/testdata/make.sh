#!/bin/sh
# Makes the images and symbol files of cart.cpp and shop.cpp, and what
# llvm-pdbutil says of the latter. Made by clang, lld and llvm 14 of Debian 12.
set -e
for a in x64 x86; do
	case $a in
	x64) triple=x86_64 base=0x140000000 typeinfo=table_of_type_info columns=-gno-column-info ;;
	x86) triple=i686 base=0x400000 typeinfo=_table_of_type_info columns=-gcolumn-info ;;
	esac
	for f in cart shop; do
		clang --target=$triple-pc-windows-msvc -O1 -g -gcodeview $columns -fno-exceptions -fno-inline-functions -mno-sse -mno-mmx \
			-fno-omit-frame-pointer -fdebug-compilation-dir='C:\src\shop' -fcoverage-compilation-dir='C:\src\shop' \
			-c $f.cpp -o $f.obj
	done
	lld-link /debug /nodefaultlib /entry:start /subsystem:console /machine:$a /base:$base /fixed:no /opt:ref,noicf /Brepro \
		"/alternatename:??_7type_info@@6B@=$typeinfo" '/pdbsourcepath:C:\src\shop' '/pdbaltpath:C:\src\shop\shop.pdb' \
		/pdb:shop-$a.pdb /out:shop-$a.exe cart.obj shop.obj
	rm -f cart.obj shop.obj shop-$a.lib
	llvm-pdbutil dump -summary -publics -symbols -l -section-headers shop-$a.pdb > shop-$a.txt
done
