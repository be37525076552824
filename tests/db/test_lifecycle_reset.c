/* SPDX-License-Identifier: MIT */
#include "waiting.h"
int main(void){return 0;}
