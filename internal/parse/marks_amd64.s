#include "textflag.h"

// What is no graphic character: a byte of 0x20 or less, or 0x7f.
DATA lowest<>+0(SB)/8, $0x2020202020202020
DATA lowest<>+8(SB)/8, $0x2020202020202020
GLOBL lowest<>(SB), RODATA|NOPTR, $16
DATA rubout<>+0(SB)/8, $0x7f7f7f7f7f7f7f7f
DATA rubout<>+8(SB)/8, $0x7f7f7f7f7f7f7f7f
GLOBL rubout<>(SB), RODATA|NOPTR, $16

// func notGraphic(text *[64]byte) (marks uint64)
TEXT ·notGraphic(SB), NOSPLIT, $0-16
	MOVQ text+0(FP), SI
	MOVOU lowest<>(SB), X4
	MOVOU rubout<>(SB), X5

	MOVOU (SI), X0
	MOVOU 16(SI), X1
	MOVOU 32(SI), X2
	MOVOU 48(SI), X3

	MOVO  X0, X6
	PMINUB X4, X6
	PCMPEQB X0, X6
	PCMPEQB X5, X0
	POR   X6, X0
	PMOVMSKB X0, AX

	MOVO  X1, X6
	PMINUB X4, X6
	PCMPEQB X1, X6
	PCMPEQB X5, X1
	POR   X6, X1
	PMOVMSKB X1, BX
	SHLQ $16, BX
	ORQ  BX, AX

	MOVO  X2, X6
	PMINUB X4, X6
	PCMPEQB X2, X6
	PCMPEQB X5, X2
	POR   X6, X2
	PMOVMSKB X2, CX
	SHLQ $32, CX
	ORQ  CX, AX

	MOVO  X3, X6
	PMINUB X4, X6
	PCMPEQB X3, X6
	PCMPEQB X5, X3
	POR   X6, X3
	PMOVMSKB X3, DX
	SHLQ $48, DX
	ORQ  DX, AX

	MOVQ AX, marks+8(FP)
	RET
