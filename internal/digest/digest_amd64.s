#include "textflag.h"

// SHA-256 of two messages at once, with the instructions of SHA-NI (Intel SDM volume 2B,
// SHA256RNDS2 and those beside it). Each message has a state in two registers and the last 16
// words of its schedule in four. Rounds of one do not wait for those of the other.

#define XFEBA X1
#define XHGDC X2
#define YFEBA X7
#define YHGDC X8

// Four rounds, with the words of the schedule in W; K has their constants.
#define ROUNDS(K, W, FEBA, HGDC) \
	MOVO W, X0; \
	PADDD K(AX), X0; \
	SHA256RNDS2 X0, FEBA, HGDC; \
	PSHUFD $0x0e, X0, X0; \
	SHA256RNDS2 X0, HGDC, FEBA

// What NEXT becomes is ended with the words in W and those before, in LAST.
#define SCHEDULE(LAST, W, NEXT, TMP) \
	MOVO W, TMP; \
	PALIGNR $4, LAST, TMP; \
	PADDD TMP, NEXT; \
	SHA256MSG2 W, NEXT

// Both messages' four rounds of W and its like; the first ones also load them.
#define LOAD(N, K, WX, WY) \
	MOVOU (N)(SI), WX; \
	MOVOU (N)(DI), WY; \
	PSHUFB X15, WX; \
	PSHUFB X15, WY; \
	ROUNDS(K, WX, XFEBA, XHGDC); \
	ROUNDS(K, WY, YFEBA, YHGDC)

#define LOADMSG(N, K, LX, WX, LY, WY) \
	LOAD(N, K, WX, WY); \
	SHA256MSG1 WX, LX; \
	SHA256MSG1 WY, LY

#define STEP(K, LX, WX, NX, LY, WY, NY) \
	ROUNDS(K, WX, XFEBA, XHGDC); \
	ROUNDS(K, WY, YFEBA, YHGDC); \
	SCHEDULE(LX, WX, NX, X13); \
	SCHEDULE(LY, WY, NY, X14)

#define STEPMSG(K, LX, WX, NX, LY, WY, NY) \
	STEP(K, LX, WX, NX, LY, WY, NY); \
	SHA256MSG1 WX, LX; \
	SHA256MSG1 WY, LY

// func blocks(x, y *state, p, q *byte, n int)
TEXT ·blocks(SB), NOSPLIT, $0-40
	MOVQ x+0(FP), R8
	MOVQ y+8(FP), R9
	MOVQ p+16(FP), SI
	MOVQ q+24(FP), DI
	MOVQ n+32(FP), CX
	LEAQ constants<>(SB), AX
	MOVOU swap<>(SB), X15
	MOVOU 0(R8), XFEBA
	MOVOU 16(R8), XHGDC
	MOVOU 0(R9), YFEBA
	MOVOU 16(R9), YHGDC

block:
	LOAD(0, 0, X3, X9)
	LOADMSG(16, 16, X3, X4, X9, X10)
	LOADMSG(32, 32, X4, X5, X10, X11)
	LOAD(48, 48, X6, X12)
	SCHEDULE(X5, X6, X3, X13)
	SCHEDULE(X11, X12, X9, X14)
	SHA256MSG1 X6, X5
	SHA256MSG1 X12, X11
	STEPMSG(64, X6, X3, X4, X12, X9, X10)
	STEPMSG(80, X3, X4, X5, X9, X10, X11)
	STEPMSG(96, X4, X5, X6, X10, X11, X12)
	STEPMSG(112, X5, X6, X3, X11, X12, X9)
	STEPMSG(128, X6, X3, X4, X12, X9, X10)
	STEPMSG(144, X3, X4, X5, X9, X10, X11)
	STEPMSG(160, X4, X5, X6, X10, X11, X12)
	STEPMSG(176, X5, X6, X3, X11, X12, X9)
	STEPMSG(192, X6, X3, X4, X12, X9, X10)
	STEP(208, X3, X4, X5, X9, X10, X11)
	STEP(224, X4, X5, X6, X10, X11, X12)
	ROUNDS(240, X6, XFEBA, XHGDC)
	ROUNDS(240, X12, YFEBA, YHGDC)

	MOVOU 0(R8), X3
	MOVOU 16(R8), X4
	MOVOU 0(R9), X9
	MOVOU 16(R9), X10
	PADDD X3, XFEBA
	PADDD X4, XHGDC
	PADDD X9, YFEBA
	PADDD X10, YHGDC
	MOVOU XFEBA, 0(R8)
	MOVOU XHGDC, 16(R8)
	MOVOU YFEBA, 0(R9)
	MOVOU YHGDC, 16(R9)
	ADDQ $64, SI
	ADDQ $64, DI
	DECQ CX
	JNZ  block
	RET

// func hasSHA() bool
TEXT ·hasSHA(SB), NOSPLIT, $0-1
	MOVB $0, ret+0(FP)
	MOVL $0, AX
	CPUID
	CMPL AX, $7
	JLT  no
	MOVL $1, AX
	MOVL $0, CX
	CPUID
	ANDL $0x80200, CX // SSE4.1 and SSSE3
	CMPL CX, $0x80200
	JNE  no
	MOVL $7, AX
	MOVL $0, CX
	CPUID
	BTL  $29, BX
	JCC  no
	MOVB $1, ret+0(FP)

no:
	RET

// The bytes of each word the other way round.
DATA swap<>+0(SB)/8, $0x0405060700010203
DATA swap<>+8(SB)/8, $0x0c0d0e0f08090a0b
GLOBL swap<>(SB), RODATA|NOPTR, $16

// The constants of the rounds (FIPS 180-4, 4.2.2), two a line.
DATA constants<>+0(SB)/8, $0x71374491428a2f98
DATA constants<>+8(SB)/8, $0xe9b5dba5b5c0fbcf
DATA constants<>+16(SB)/8, $0x59f111f13956c25b
DATA constants<>+24(SB)/8, $0xab1c5ed5923f82a4
DATA constants<>+32(SB)/8, $0x12835b01d807aa98
DATA constants<>+40(SB)/8, $0x550c7dc3243185be
DATA constants<>+48(SB)/8, $0x80deb1fe72be5d74
DATA constants<>+56(SB)/8, $0xc19bf1749bdc06a7
DATA constants<>+64(SB)/8, $0xefbe4786e49b69c1
DATA constants<>+72(SB)/8, $0x240ca1cc0fc19dc6
DATA constants<>+80(SB)/8, $0x4a7484aa2de92c6f
DATA constants<>+88(SB)/8, $0x76f988da5cb0a9dc
DATA constants<>+96(SB)/8, $0xa831c66d983e5152
DATA constants<>+104(SB)/8, $0xbf597fc7b00327c8
DATA constants<>+112(SB)/8, $0xd5a79147c6e00bf3
DATA constants<>+120(SB)/8, $0x1429296706ca6351
DATA constants<>+128(SB)/8, $0x2e1b213827b70a85
DATA constants<>+136(SB)/8, $0x53380d134d2c6dfc
DATA constants<>+144(SB)/8, $0x766a0abb650a7354
DATA constants<>+152(SB)/8, $0x92722c8581c2c92e
DATA constants<>+160(SB)/8, $0xa81a664ba2bfe8a1
DATA constants<>+168(SB)/8, $0xc76c51a3c24b8b70
DATA constants<>+176(SB)/8, $0xd6990624d192e819
DATA constants<>+184(SB)/8, $0x106aa070f40e3585
DATA constants<>+192(SB)/8, $0x1e376c0819a4c116
DATA constants<>+200(SB)/8, $0x34b0bcb52748774c
DATA constants<>+208(SB)/8, $0x4ed8aa4a391c0cb3
DATA constants<>+216(SB)/8, $0x682e6ff35b9cca4f
DATA constants<>+224(SB)/8, $0x78a5636f748f82ee
DATA constants<>+232(SB)/8, $0x8cc7020884c87814
DATA constants<>+240(SB)/8, $0xa4506ceb90befffa
DATA constants<>+248(SB)/8, $0xc67178f2bef9a3f7
GLOBL constants<>(SB), RODATA|NOPTR, $256
