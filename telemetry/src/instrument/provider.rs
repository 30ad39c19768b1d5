//! The meter provider: counters of `u64`, up-down counters of `i64` and histograms of `f64` are made here, all others by
//! the SDK.

use std::sync::Arc;

use opentelemetry::{
    InstrumentationScope, KeyValue,
    metrics::{
        AsyncInstrumentBuilder, Counter, Gauge, Histogram, HistogramBuilder, InstrumentBuilder,
        InstrumentProvider, Meter, MeterProvider, ObservableCounter, ObservableGauge,
        ObservableUpDownCounter, SyncInstrument, UpDownCounter,
    },
};
use opentelemetry_sdk::metrics::SdkMeterProvider;

use super::{Identity, Instrument, Kind, Value, register};
use crate::metrics::SDK_BOUNDARIES;

/// The SDK's provider, with other instruments where they are recorded often.
#[derive(Debug, Clone)]
pub(crate) struct Provider(pub(crate) SdkMeterProvider);

impl MeterProvider for Provider {
    fn meter_with_scope(&self, scope: InstrumentationScope) -> Meter {
        Meter::new(Arc::new(Instruments {
            sdk: self.0.meter_with_scope(scope.clone()),
            scope,
        }))
    }
}

struct Instruments {
    sdk: Meter,
    scope: InstrumentationScope,
}

impl Instruments {
    fn sum<T>(&self, kind: Kind, builder: InstrumentBuilder<'_, T>) -> Arc<Measured> {
        Arc::new(Measured(register(Identity {
            scope: self.scope.clone(),
            name: builder.name,
            description: builder.description.unwrap_or_default(),
            unit: builder.unit.unwrap_or_default(),
            kind,
        })))
    }
}

/// Nothing is measured where the instrument can't be.
struct Measured(Option<Arc<Instrument>>);

impl Measured {
    fn add(&self, value: Value, attributes: &[KeyValue]) {
        if let Some(instrument) = &self.0 {
            instrument.measure_here(value, attributes);
        }
    }
}

impl SyncInstrument<u64> for Measured {
    fn measure(&self, value: u64, attributes: &[KeyValue]) {
        self.add(Value::from(value), attributes);
    }
}

impl SyncInstrument<i64> for Measured {
    fn measure(&self, value: i64, attributes: &[KeyValue]) {
        self.add(Value::I64(value), attributes);
    }
}

impl SyncInstrument<f64> for Measured {
    fn measure(&self, value: f64, attributes: &[KeyValue]) {
        self.add(Value::F64(value), attributes);
    }
}

/// Hands a builder's description of an instrument to the SDK's meter.
macro_rules! by_the_sdk {
    ($($method:ident: $builder:ident<$instrument:ty $(, $measure:ty)?>;)+) => {$(
        fn $method(&self, builder: $builder<'_, $instrument $(, $measure)?>) -> $instrument {
            let mut described = self.sdk.$method(builder.name);
            described.description = builder.description;
            described.unit = builder.unit;
            by_the_sdk!(@rest described builder $($measure)?);
            described.build()
        }
    )+};
    (@rest $described:ident $builder:ident $measure:ty) => {
        $described.callbacks = $builder.callbacks;
    };
    (@rest $described:ident $builder:ident) => {};
}

impl InstrumentProvider for Instruments {
    fn u64_counter(&self, builder: InstrumentBuilder<'_, Counter<u64>>) -> Counter<u64> {
        Counter::new(self.sum(Kind::Counter, builder))
    }

    fn i64_up_down_counter(
        &self,
        builder: InstrumentBuilder<'_, UpDownCounter<i64>>,
    ) -> UpDownCounter<i64> {
        UpDownCounter::new(self.sum(Kind::UpDownCounter, builder))
    }

    fn f64_histogram(&self, builder: HistogramBuilder<'_, Histogram<f64>>) -> Histogram<f64> {
        let boundaries = builder.boundaries;
        Histogram::new(Arc::new(Measured(register(Identity {
            scope: self.scope.clone(),
            name: builder.name,
            description: builder.description.unwrap_or_default(),
            unit: builder.unit.unwrap_or_default(),
            kind: Kind::Histogram {
                boundaries: boundaries.unwrap_or_else(|| SDK_BOUNDARIES.to_vec()),
            },
        }))))
    }

    fn u64_histogram(&self, builder: HistogramBuilder<'_, Histogram<u64>>) -> Histogram<u64> {
        let mut described = self.sdk.u64_histogram(builder.name);
        described.description = builder.description;
        described.unit = builder.unit;
        described.boundaries = builder.boundaries;
        described.build()
    }

    by_the_sdk! {
        f64_counter: InstrumentBuilder<Counter<f64>>;
        f64_up_down_counter: InstrumentBuilder<UpDownCounter<f64>>;
        u64_gauge: InstrumentBuilder<Gauge<u64>>;
        f64_gauge: InstrumentBuilder<Gauge<f64>>;
        i64_gauge: InstrumentBuilder<Gauge<i64>>;
        u64_observable_counter: AsyncInstrumentBuilder<ObservableCounter<u64>, u64>;
        f64_observable_counter: AsyncInstrumentBuilder<ObservableCounter<f64>, f64>;
        i64_observable_up_down_counter: AsyncInstrumentBuilder<ObservableUpDownCounter<i64>, i64>;
        f64_observable_up_down_counter: AsyncInstrumentBuilder<ObservableUpDownCounter<f64>, f64>;
        u64_observable_gauge: AsyncInstrumentBuilder<ObservableGauge<u64>, u64>;
        i64_observable_gauge: AsyncInstrumentBuilder<ObservableGauge<i64>, i64>;
        f64_observable_gauge: AsyncInstrumentBuilder<ObservableGauge<f64>, f64>;
    }
}
