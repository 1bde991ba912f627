#include "textflag.h"

// func someShort(body *byte, written, end int, message *byte, length, at int, fields *llama.Field, last *place, left uint64) (rest, same uint64, now int)
TEXT ·someShort(SB), NOSPLIT, $0-96
	MOVQ body+0(FP), BX
	MOVQ written+8(FP), DI
	ADDQ BX, DI              // where to write
	MOVQ end+16(FP), R8
	LEAQ -1088(BX)(R8*1), R8 // up to where long values may go: behind is room for 64 short ones or parts of the message
	MOVQ message+24(FP), R12
	MOVQ length+32(FP), R13
	MOVQ fields+48(FP), R9
	MOVQ last+56(FP), R10
	MOVQ left+64(FP), R11
	XORQ R15, R15            // bits of those that are the last again

value:
	TESTQ R11, R11
	JZ   end
	TZCNTQ R11, AX           // which field; processors that do not know it take it for BSFQ, which does the same here
	LEAQ (AX)(AX*4), CX
	MOVQ 16(R9)(CX*8), SI    // its value
	MOVQ 24(R9)(CX*8), CX
	MOVQ SI, DX
	SUBQ R12, DX             // where it is in the message
	CMPQ DX, R13
	JAE  apart
	LEAQ (DX)(CX*1), R14
	CMPQ R14, R13
	JA   apart
	TESTQ CX, CX
	JZ   apart
	MOVQ DX, R14
	ORQ  CX, R14
	CMPQ R14, $0x2000        // twice that and a bit is a number of three bytes
	JAE  end

	// A part of the message: its length, and where it is.
	MOVQ at+40(FP), R14
	ADDQ DX, R14
	MOVL R14, (R10)(AX*8)
	MOVL CX, 4(R10)(AX*8)
	LEAQ 1(CX)(CX*1), CX
	MOVQ CX, R14
	SHRQ $7, R14
	JNZ  longPart
	MOVB CX, (DI)
	INCQ DI

offset:
	MOVQ DX, R14
	SHRQ $7, R14             // what the second byte has, if there is one
	MOVB R14, 1(DI)
	NEGQ R14                 // carries if there is
	SBBQ CX, CX              // all bits if there is
	ANDQ $0x7f, DX
	MOVQ CX, R14
	ANDQ $0x80, R14
	ORQ  R14, DX
	MOVB DX, (DI)
	INCQ DI
	SUBQ CX, DI

next:
	LEAQ -1(R11), DX
	ANDQ DX, R11
	JMP  value

longPart:
	ORQ  $0x80, CX
	MOVB CX, (DI)
	MOVB R14, 1(DI)
	ADDQ $2, DI
	JMP  offset

apart:
	CMPQ CX, $16
	JA   long
	TESTQ CX, CX
	JZ   empty
	MOVL SI, DX
	ANDL $0xfff, DX
	CMPL DX, $0xff0          // 16 bytes from there are in one page, which is there: no page is smaller
	JA   bytes
	MOVOU (SI), X0

short:
	MOVL 4(R10)(AX*8), DX
	CMPQ DX, CX
	JNE  writeShort
	MOVL (R10)(AX*8), DX
	MOVOU (BX)(DX*1), X1     // as it ends before what is written now, there are 16 bytes
	PCMPEQB X0, X1
	PMOVMSKB X1, DX
	MOVL $-1, R14
	SHLL CX, R14             // the bytes behind it are no part of it
	ORL  R14, DX
	INCL DX
	JZ   again

writeShort:
	LEAQ (CX)(CX*1), DX
	MOVB DX, (DI)
	INCQ DI
	MOVOU X0, (DI)
	MOVQ DI, DX
	SUBQ BX, DX
	MOVL DX, (R10)(AX*8)
	MOVL CX, 4(R10)(AX*8)
	ADDQ CX, DI
	JMP  next

again:
	BTSQ AX, R15
	JMP  next

empty:
	CMPL 4(R10)(AX*8), $0
	JEQ  again
	MOVQ $0, (R10)(AX*8)
	MOVB $0, (DI)
	INCQ DI
	JMP  next

bytes:
	XORQ DX, DX

moreBytes:
	MOVB (SI)(DX*1), R14
	MOVB R14, 1(DI)(DX*1)
	INCQ DX
	CMPQ DX, CX
	JB   moreBytes
	MOVOU 1(DI), X0
	JMP  short

long:
	CMPQ CX, $0x2000
	JAE  end
	MOVL 4(R10)(AX*8), DX
	CMPQ DX, CX
	JNE  writeLong
	MOVL (R10)(AX*8), R14
	ADDQ BX, R14
	LEAQ -16(CX), DX         // from its end, where values that begin alike differ

compare:
	MOVOU (SI)(DX*1), X0
	MOVOU (R14)(DX*1), X1
	PCMPEQB X0, X1
	PMOVMSKB X1, R13
	CMPL R13, $0xffff
	JNE  differ
	TESTQ DX, DX
	JZ   equal
	SUBQ $16, DX
	JCC  compare
	XORQ DX, DX
	JMP  compare

equal:
	MOVQ length+32(FP), R13
	JMP  again

differ:
	MOVQ length+32(FP), R13

writeLong:
	LEAQ (DI)(CX*1), DX
	CMPQ DX, R8
	JA   end
	LEAQ (CX)(CX*1), DX
	MOVQ DX, R14
	SHRQ $7, R14
	JNZ  longNumber
	MOVB DX, (DI)
	INCQ DI

copy:
	MOVQ DI, DX
	SUBQ BX, DX
	MOVL DX, (R10)(AX*8)
	MOVL CX, 4(R10)(AX*8)
	LEAQ -16(CX), R14
	XORQ DX, DX

more:
	MOVOU (SI)(DX*1), X0
	MOVOU X0, (DI)(DX*1)
	ADDQ $16, DX
	CMPQ DX, R14
	JB   more
	MOVOU (SI)(R14*1), X0
	MOVOU X0, (DI)(R14*1)
	ADDQ CX, DI
	JMP  next

longNumber:
	ORQ  $0x80, DX
	MOVB DX, (DI)
	MOVB R14, 1(DI)
	ADDQ $2, DI
	JMP  copy

end:
	SUBQ BX, DI
	MOVQ R11, rest+72(FP)
	MOVQ R15, same+80(FP)
	MOVQ DI, now+88(FP)
	RET
