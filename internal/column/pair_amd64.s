#include "textflag.h"

// func pairBlocks(text *byte, n, distance int, first, second byte) int
TEXT ·pairBlocks(SB), NOSPLIT, $0-40
	MOVQ text+0(FP), SI
	MOVQ n+8(FP), CX
	MOVQ distance+16(FP), R8
	ADDQ SI, R8
	MOVBLZX first+24(FP), AX
	MOVBLZX second+25(FP), BX
	MOVL AX, X0
	PUNPCKLBW X0, X0
	PSHUFLW $0, X0, X0
	PSHUFD $0, X0, X0
	MOVL BX, X1
	PUNPCKLBW X1, X1
	PSHUFLW $0, X1, X1
	PSHUFD $0, X1, X1
	XORQ DI, DI
	SUBQ $32, CX

next:
	CMPQ DI, CX
	JGT  none
	MOVOU (SI)(DI*1), X2
	MOVOU 16(SI)(DI*1), X3
	MOVOU (R8)(DI*1), X4
	MOVOU 16(R8)(DI*1), X5
	PCMPEQB X0, X2
	PCMPEQB X0, X3
	PCMPEQB X1, X4
	PCMPEQB X1, X5
	PAND X4, X2
	PAND X5, X3
	MOVO X2, X6
	POR  X3, X6
	PMOVMSKB X6, AX
	TESTL AX, AX
	JNZ  found
	ADDQ $32, DI
	JMP  next

found:
	PMOVMSKB X2, AX
	PMOVMSKB X3, BX
	SHLL $16, BX
	ORL  BX, AX
	BSFL AX, AX
	ADDQ DI, AX
	MOVQ AX, ret+32(FP)
	RET

none:
	MOVQ $-1, AX
	MOVQ AX, ret+32(FP)
	RET
