;; Trials: requests that put the collector to the test. Each is a path with a number behind it.

(type $link (struct
  (field $next (ref null $link))
  (field $value i64)))
(type $ring (array (mut (ref null $link))))

;; How many links are alive at once while garbage flows.
(global $alive i32 (i32.const 1024))

;; Makes `count` links and lets go of all but the last ones. Gives the sum of the values of those,
;; which is right only if the collector moved the living and nothing else.
(func $churn (param $count i64) (result i64)
  (local $ring (ref $ring))
  (local $link (ref null $link))
  (local $i i64)
  (local $slot i32)
  (local $sum i64)
  (local.set $ring (array.new_default $ring (global.get $alive)))
  (block $over
    (loop $each
      (br_if $over (i64.ge_u (local.get $i) (local.get $count)))
      (array.set $ring (local.get $ring)
        (i32.wrap_i64 (i64.rem_u (local.get $i) (i64.extend_i32_u (global.get $alive))))
        (struct.new $link (ref.null $link) (local.get $i)))
      (local.set $i (i64.add (local.get $i) (i64.const 1)))
      (br $each)))
  (loop $each
    (local.set $link (array.get $ring (local.get $ring) (local.get $slot)))
    (if (i32.eqz (ref.is_null (local.get $link)))
      (then
        (local.set $sum
          (i64.add (local.get $sum) (struct.get $link $value (local.get $link))))))
    (local.set $slot (i32.add (local.get $slot) (i32.const 1)))
    (br_if $each (i32.lt_u (local.get $slot) (global.get $alive))))
  (local.get $sum))

;; A list of `count` links, the last one first.
(func $chain (param $count i64) (result (ref null $link))
  (local $head (ref null $link))
  (local $i i64)
  (block $over
    (loop $each
      (br_if $over (i64.ge_u (local.get $i) (local.get $count)))
      (local.set $head (struct.new $link (local.get $head) (local.get $i)))
      (local.set $i (i64.add (local.get $i) (i64.const 1)))
      (br $each)))
  (local.get $head))

(func $chain_sum (param $link (ref null $link)) (result i64)
  (local $sum i64)
  (block $over
    (loop $each
      (br_if $over (ref.is_null (local.get $link)))
      (local.set $sum
        (i64.add (local.get $sum) (struct.get $link $value (local.get $link))))
      (local.set $link (struct.get $link $next (local.get $link)))
      (br $each)))
  (local.get $sum))

;; A list as deep as it is long is moved, several times, while garbage flows.
(func $deep (param $count i64) (result i64)
  (local $head (ref null $link))
  (local.set $head (call $chain (local.get $count)))
  (drop (call $churn (i64.const 1000000)))
  (call $chain_sum (local.get $head)))

;; A stack of `count` frames, each of which holds a link; garbage flows at the bottom.
(func $climb (param $count i64) (result i64)
  (local $link (ref $link))
  (if (i64.eqz (local.get $count))
    (then
      (drop (call $churn (i64.const 100000)))
      (return (i64.const 0))))
  (local.set $link (struct.new $link (ref.null $link) (local.get $count)))
  (i64.add
    (call $climb (i64.sub (local.get $count) (i64.const 1)))
    (struct.get $link $value (local.get $link))))

;; A list of `count` links stays alive while garbage flows for ever: nearly all of the work is the
;; collector's.
(func $press (param $count i64) (result i64)
  (local $head (ref null $link))
  (local.set $head (call $chain (local.get $count)))
  (drop (call $churn (i64.const -1)))
  (call $chain_sum (local.get $head)))

;; Throws a link and catches it, `count` times: exceptions are objects of the heap, too.
(tag $thrown (param (ref $link)))
(func $throw (param $count i64) (result i64)
  (local $sum i64)
  (local $i i64)
  (block $over
    (loop $each
      (br_if $over (i64.ge_u (local.get $i) (local.get $count)))
      (local.set $sum
        (i64.add
          (local.get $sum)
          (struct.get $link $value
            (block $caught (result (ref $link))
              (try_table (catch $thrown $caught)
                (call $throw_one (local.get $i)))
              unreachable))))
      (local.set $i (i64.add (local.get $i) (i64.const 1)))
      (br $each)))
  (local.get $sum))

(func $throw_one (param $value i64)
  (throw $thrown (struct.new $link (ref.null $link) (local.get $value))))

;; Makes an array and lets go of it.
(func $fill (param $bytes i64) (result i64)
  (i64.extend_i32_u
    (array.len (array.new_default $text (i32.wrap_i64 (local.get $bytes))))))

;; Traps by itself, after one array of this size has followed another.
(func $fall (param $bytes i64) (result i64)
  (drop (call $fill (local.get $bytes)))
  (drop (call $fill (local.get $bytes)))
  unreachable)

(data (i32.const 512) "/churn/")
(data (i32.const 520) "/chain/")
(data (i32.const 528) "/deep/")
(data (i32.const 536) "/climb/")
(data (i32.const 544) "/array/")
(data (i32.const 552) "/fall/")
(data (i32.const 640) "/press/")
(data (i32.const 648) "/throw/")
(data (i32.const 560) "no such path\n")
(data (i32.const 576) "a number of at most ten digits belongs behind the path\n")

(func $say (param $status i32) (param $text i32) (param $bytes i32) (result i32)
  (local $start i32)
  (local.set $start (global.get $bump))
  (call $write (local.get $text) (local.get $bytes))
  (call $answer (local.get $status) (local.get $start)))

;; Runs the trial that the path names.
(func $try (param $path i32) (param $bytes i32) (result i32)
  (local $trial i32)
  (local $name_bytes i32)
  (local $number i64)
  (local $start i32)
  (local.set $name_bytes (i32.const 7))
  (block $found
    (br_if $found
      (call $begins (local.get $path) (local.get $bytes) (i32.const 512) (i32.const 7)))
    (local.set $trial (i32.const 1))
    (br_if $found
      (call $begins (local.get $path) (local.get $bytes) (i32.const 520) (i32.const 7)))
    (local.set $trial (i32.const 2))
    (br_if $found
      (call $begins (local.get $path) (local.get $bytes) (i32.const 536) (i32.const 7)))
    (local.set $trial (i32.const 3))
    (br_if $found
      (call $begins (local.get $path) (local.get $bytes) (i32.const 544) (i32.const 7)))
    (local.set $trial (i32.const 4))
    (br_if $found
      (call $begins (local.get $path) (local.get $bytes) (i32.const 640) (i32.const 7)))
    (local.set $trial (i32.const 7))
    (br_if $found
      (call $begins (local.get $path) (local.get $bytes) (i32.const 648) (i32.const 7)))
    (local.set $name_bytes (i32.const 6))
    (local.set $trial (i32.const 5))
    (br_if $found
      (call $begins (local.get $path) (local.get $bytes) (i32.const 528) (i32.const 6)))
    (local.set $trial (i32.const 6))
    (br_if $found
      (call $begins (local.get $path) (local.get $bytes) (i32.const 552) (i32.const 6)))
    (return (call $say (i32.const 404) (i32.const 560) (i32.const 13))))
  (local.set $number
    (call $number
      (i32.add (local.get $path) (local.get $name_bytes))
      (i32.sub (local.get $bytes) (local.get $name_bytes))))
  (if (i64.lt_s (local.get $number) (i64.const 0))
    (then (return (call $say (i32.const 400) (i32.const 576) (i32.const 55)))))
  (local.set $start (global.get $bump))
  (call $write_number
    (block $done (result i64)
      (block $throw (block $fall (block $deep (block $press (block $array (block $climb (block $chain
        (block $churn
          (br_table $churn $chain $climb $array $press $deep $fall $throw
            (local.get $trial)))
        (br $done (call $churn (local.get $number))))
        (br $done (call $chain_sum (call $chain (local.get $number)))))
        (br $done (call $climb (local.get $number))))
        (br $done (call $fill (local.get $number))))
        (br $done (call $press (local.get $number))))
        (br $done (call $deep (local.get $number))))
        (br $done (call $fall (local.get $number))))
      (call $throw (local.get $number))))
  (call $write_byte (i32.const 10))
  (call $answer (i32.const 200) (local.get $start)))

;; The path `/` counts words, with or without a query; every other path is a trial.
(func (export "arenaria:processor/handler@0.1.0#handle")
  (param $method i32) (param $method_bytes i32)
  (param $path i32) (param $path_bytes i32)
  (param $headers i32) (param $headers_count i32)
  (param $body i32) (param $body_bytes i32)
  (param $received_at i64)
  (result i32)
  (if
    (i32.or
      (i32.le_u (local.get $path_bytes) (i32.const 1))
      (i32.eq (i32.load8_u offset=1 (local.get $path)) (i32.const 63)))
    (then (return (call $count_words (local.get $body) (local.get $body_bytes)))))
  (call $try (local.get $path) (local.get $path_bytes)))
