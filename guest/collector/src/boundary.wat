;; The boundary: the only part that knows linear memory and the canonical ABI.
;;
;; What the host hands over and what it takes back lies in linear memory for the time of one call, in
;; an arena that bumps upwards and is reset after the call. Everything that the program thinks with is
;; a struct or an array of the garbage collector, in a heap that is not part of this memory.
;;
;;   0        static      4096                                            memory.size
;;   │ constants, results │ arena: request, then response → … free …      │  fixed: no memory.grow

(memory $memory (export "memory") 32 32)

;; Results of the three exports: response (20 bytes), result<_, string> (12), arena-usage (88).
(global $response i32 (i32.const 16))
(global $result i32 (i32.const 40))
(global $usage i32 (i32.const 56))
;; The response's only header field: where its name and value are, 16 bytes.
(global $headers i32 (i32.const 144))
(data (i32.const 144) "\a0\00\00\00\0c\00\00\00\ac\00\00\00\0a\00\00\00")
(data (i32.const 160) "content-typetext/plain")

(global $base i32 (i32.const 4096))
(global $bump (mut i32) (i32.const 4096))
;; The most bytes in use at once: ever, since the call before, and in the last request.
(global $high_water (mut i32) (i32.const 0))
(global $call_high_water (mut i32) (i32.const 0))
(global $request_high_water (mut i32) (i32.const 0))
(global $resets (mut i64) (i64.const 0))

;; Hosts know this name: it is where a guest ends whose memory at the boundary is too small.
(func $arena_exhausted
  unreachable)

(func $capacity (result i32)
  (i32.sub (i32.shl (memory.size) (i32.const 16)) (global.get $base)))

(func $in_use (result i32)
  (i32.sub (global.get $bump) (global.get $base)))

;; `align` is a power of two, as the canonical ABI has it.
(func $allocate (param $bytes i32) (param $align i32) (result i32)
  (local $start i32)
  (local $end i64)
  (local.set $start
    (i32.and
      (i32.add (global.get $bump) (i32.sub (local.get $align) (i32.const 1)))
      (i32.sub (i32.const 0) (local.get $align))))
  ;; In 64 bits, where it cannot wrap.
  (local.set $end
    (i64.add (i64.extend_i32_u (local.get $start)) (i64.extend_i32_u (local.get $bytes))))
  (if (i64.gt_u (local.get $end) (i64.shl (i64.extend_i32_u (memory.size)) (i64.const 16)))
    (then (call $arena_exhausted)))
  (global.set $bump (i32.wrap_i64 (local.get $end)))
  (if (i32.gt_u (call $in_use) (global.get $call_high_water))
    (then (global.set $call_high_water (call $in_use))))
  (if (i32.gt_u (call $in_use) (global.get $high_water))
    (then (global.set $high_water (call $in_use))))
  (local.get $start))

(func $realloc (export "cabi_realloc")
  (param $old i32) (param $old_bytes i32) (param $align i32) (param $bytes i32) (result i32)
  (local $new i32)
  (local.set $new (call $allocate (local.get $bytes) (local.get $align)))
  (memory.copy
    (local.get $new)
    (local.get $old)
    (select
      (local.get $old_bytes)
      (local.get $bytes)
      (i32.lt_u (local.get $old_bytes) (local.get $bytes))))
  (local.get $new))

;; Nothing in the arena is needed any more.
(func $reset
  (global.set $bump (global.get $base)))

;; Whatever is written in a row lies in a row: blocks of alignment 1 touch.
(func $write (param $from i32) (param $bytes i32)
  (memory.copy
    (call $allocate (local.get $bytes) (i32.const 1))
    (local.get $from)
    (local.get $bytes)))

(func $write_byte (param $byte i32)
  (i32.store8 (call $allocate (i32.const 1) (i32.const 1)) (local.get $byte)))

;; Decimal.
(func $write_number (param $number i64)
  (if (i64.ge_u (local.get $number) (i64.const 10))
    (then (call $write_number (i64.div_u (local.get $number) (i64.const 10)))))
  (call $write_byte
    (i32.add
      (i32.const 48)
      (i32.wrap_i64 (i64.rem_u (local.get $number) (i64.const 10))))))

;; A response with everything written since `start` as its body.
(func $answer (param $status i32) (param $start i32) (result i32)
  (i32.store16 (global.get $response) (local.get $status))
  (i32.store offset=4 (global.get $response) (global.get $headers))
  (i32.store offset=8 (global.get $response) (i32.const 1))
  (i32.store offset=12 (global.get $response) (local.get $start))
  (i32.store offset=16 (global.get $response)
    (i32.sub (global.get $bump) (local.get $start)))
  (global.get $response))

;; Whether text in linear memory begins with other text there.
(func $begins (param $text i32) (param $bytes i32) (param $with i32) (param $with_bytes i32)
  (result i32)
  (local $i i32)
  (if (i32.lt_u (local.get $bytes) (local.get $with_bytes))
    (then (return (i32.const 0))))
  (loop $each
    (if (i32.eq (local.get $i) (local.get $with_bytes))
      (then (return (i32.const 1))))
    (if
      (i32.eq
        (i32.load8_u (i32.add (local.get $text) (local.get $i)))
        (i32.load8_u (i32.add (local.get $with) (local.get $i))))
      (then
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $each))))
  (i32.const 0))

(func $equal (param $text i32) (param $bytes i32) (param $other i32) (param $other_bytes i32)
  (result i32)
  (i32.and
    (i32.eq (local.get $bytes) (local.get $other_bytes))
    (call $begins
      (local.get $text) (local.get $bytes) (local.get $other) (local.get $other_bytes))))

;; A decimal number of at most ten digits that ends where the text does; -1 if it is none.
(func $number (param $text i32) (param $bytes i32) (result i64)
  (local $value i64)
  (local $digit i32)
  (if
    (i32.or
      (i32.eqz (local.get $bytes))
      (i32.gt_u (local.get $bytes) (i32.const 10)))
    (then (return (i64.const -1))))
  (loop $each
    (local.set $digit (i32.sub (i32.load8_u (local.get $text)) (i32.const 48)))
    (if (i32.gt_u (local.get $digit) (i32.const 9))
      (then (return (i64.const -1))))
    (local.set $value
      (i64.add
        (i64.mul (local.get $value) (i64.const 10))
        (i64.extend_i32_u (local.get $digit))))
    (local.set $text (i32.add (local.get $text) (i32.const 1)))
    (local.set $bytes (i32.sub (local.get $bytes) (i32.const 1)))
    (br_if $each (local.get $bytes)))
  (local.get $value))

;; What can be said of this memory. Of the collector's heap a program sees nothing: hosts measure it.
(func (export "arenaria:processor/memory@0.1.0#usage") (result i32)
  (i64.store (global.get $usage) (i64.extend_i32_u (call $capacity)))
  (i64.store offset=8 (global.get $usage) (i64.extend_i32_u (call $in_use)))
  (i64.store offset=16 (global.get $usage) (i64.extend_i32_u (global.get $high_water)))
  (i64.store offset=24 (global.get $usage) (i64.extend_i32_u (global.get $request_high_water)))
  (i64.store offset=32 (global.get $usage) (global.get $resets))
  ;; Nothing survives a request here, nothing spills and nothing persists; there are no phases.
  (i64.store offset=40 (global.get $usage) (i64.const 0))
  (i64.store offset=48 (global.get $usage) (i64.const 0))
  (i64.store offset=56 (global.get $usage) (i64.const 0))
  (i64.store offset=64 (global.get $usage) (i64.const 0))
  (i32.store offset=72 (global.get $usage) (global.get $base))
  (i32.store offset=76 (global.get $usage) (i32.const 0))
  (i32.store8 offset=80 (global.get $usage) (i32.const 0))
  (global.get $usage))

;; The host has taken what a call returned.
(func $configured (param i32)
  (call $reset)
  (global.set $call_high_water (i32.const 0))
  (global.set $resets (i64.add (global.get $resets) (i64.const 1))))
(func $handled (param i32)
  (global.set $request_high_water (global.get $call_high_water))
  (call $configured (local.get 0)))
(export "cabi_post_arenaria:processor/handler@0.1.0#handle" (func $handled))
(export "cabi_post_arenaria:processor/lifecycle@0.1.0#configure" (func $configured))
