#include "textflag.h"

// func copyShort(dst *byte, room int, values *string, order *int, n int) (done, written int)
TEXT ·copyShort(SB), NOSPLIT, $0-56
	MOVQ dst+0(FP), DI
	MOVQ room+8(FP), R8
	MOVQ values+16(FP), R9
	MOVQ order+24(FP), R10
	MOVQ n+32(FP), R11
	ADDQ DI, R8          // where the room ends
	XORQ BX, BX          // how many values are copied

value:
	CMPQ BX, R11
	JGE  end
	MOVQ (R10)(BX*8), AX
	SHLQ $4, AX
	MOVQ (R9)(AX*1), SI
	MOVQ 8(R9)(AX*1), CX
	CMPQ CX, $0x7f       // the longest whose length is one byte
	JA   end
	LEAQ 17(DI)(CX*1), DX
	CMPQ DX, R8          // up to 16 bytes behind the value are written, too
	JA   end
	MOVB CX, (DI)
	INCQ DI
	INCQ BX
	CMPQ CX, $16
	JA   long
	TESTQ CX, CX
	JZ   value
	MOVQ SI, DX
	ANDQ $0xfff, DX
	CMPQ DX, $0xff0      // 16 bytes from there are in one page, which is there: no page is smaller
	JA   bytes
	MOVOU (SI), X0
	MOVOU X0, (DI)
	ADDQ CX, DI
	JMP  value

bytes:
	MOVB (SI), DX
	MOVB DX, (DI)
	INCQ SI
	INCQ DI
	DECQ CX
	JNZ  bytes
	JMP  value

long:
	MOVOU -16(SI)(CX*1), X1
	LEAQ (DI)(CX*1), DX

more:
	MOVOU (SI), X0
	MOVOU X0, (DI)
	ADDQ $16, SI
	ADDQ $16, DI
	SUBQ $16, CX
	CMPQ CX, $16
	JA   more
	MOVOU X1, -16(DX)
	MOVQ DX, DI
	JMP  value

end:
	SUBQ dst+0(FP), DI
	MOVQ BX, done+40(FP)
	MOVQ DI, written+48(FP)
	RET
