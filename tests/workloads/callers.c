// SPDX-License-Identifier: MIT
/*
 * Creates instances through three functions, to be compiled with frame pointers.
 *
 *   callers HOW FLAGS COUNT THEN   epoll_create1(FLAGS) COUNT times, says how often it worked
 *
 * HOW: called, through outer, middle and inner; astray, with a frame pointer that points elsewhere; or made, by code that
 * the program makes at MADE_AT and that calls outer.
 * THEN: end; stay, until stdin ends; again, until then and call once more; or a program to execute, with its arguments.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Something to do after each call, or it would become a jump and its caller no frame. */
#define CALLS(caller, callee)					\
	__attribute__((noinline)) int caller(int flags)		\
	{							\
		int fd = callee(flags);				\
								\
		__asm__ volatile("" : : : "memory");		\
		return fd;					\
	}

CALLS(inner, epoll_create1)
CALLS(middle, inner)
CALLS(outer, middle)

/*
 * What looks like a frame and is data, as where code without frame pointers uses their register for something else: zeros,
 * which are no call, and behind them a frame that leads to itself and returns to itself.
 */
static void *data[3] = { 0, data + 1, data + 1 };
static void **no_frame = data + 1;

__attribute__((noinline)) int astray(int flags)
{
#ifdef __x86_64__
	long fd = SYS_epoll_create1;
	void *pointer = no_frame;

	__asm__ volatile("xchg %%rbp, %1\n\tsyscall\n\txchg %%rbp, %1"
			 : "+a"(fd), "+b"(pointer) : "D"(flags) : "rcx", "r11", "memory");
#else
	register long call __asm__("x8") = SYS_epoll_create1, fd __asm__("x0") = flags;

	__asm__ volatile("mov x9, x29\n\tmov x29, %1\n\tsvc #0\n\tmov x29, x9"
			 : "+r"(fd) : "r"(no_frame), "r"(call) : "x9", "memory");
#endif
	return fd;
}

#define MADE_AT ((void *)0x10000000)

/* From its 16th byte on it sets up a frame and calls its second argument with the first one. */
static const unsigned char code[] = {
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
#ifdef __x86_64__
	0x55, 0x48, 0x89, 0xe5, 0xff, 0xd6, 0x5d, 0xc3,
#else
	0xfd, 0x7b, 0xbf, 0xa9, 0xfd, 0x03, 0x00, 0x91, 0x20, 0x00, 0x3f, 0xd6, 0xfd, 0x7b, 0xc1, 0xa8, 0xc0, 0x03, 0x5f,
	0xd6,
#endif
};

int made(int flags)
{
	void *there = mmap(MADE_AT, sizeof(code), PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

	memcpy(there, code, sizeof(code));
	mprotect(there, sizeof(code), PROT_READ | PROT_EXEC);
	__builtin___clear_cache(there, (char *)there + sizeof(code));
	return ((int (*)(int, int (*)(int)))((char *)there + 16))(flags, outer);
}

int main(int argc, char **argv)
{
	int (*create)(int) = !strcmp(argv[1], "astray") ? astray : !strcmp(argv[1], "made") ? made : outer;
	int worked = 0;

	for (int i = 0; i < atoi(argv[3]); i++)
		worked += create(atoi(argv[2])) >= 0;
	printf("%d\n", worked);
	fflush(stdout);
	if (!strcmp(argv[4], "stay"))
		getchar();
	else if (!strcmp(argv[4], "again"))
		return getchar() == EOF && create(atoi(argv[2])) < 0;
	else if (strcmp(argv[4], "end"))
		execv(argv[4], argv + 4);
	return 0;
}
